//! The proxy before a small server on loopback.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::body::{Bytes, Frame};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::gate::Gate;
use crate::upstream::Upstream;
use crate::{control, listen, tls};

const LIMIT: Duration = Duration::from_secs(20);
const PODS: &str = "/api/v1/namespaces/shop/pods";

/// What the server behind the proxy has seen.
#[derive(Default)]
struct Seen {
    requests: AtomicU64,
    authorization: Mutex<Option<String>>,
}

async fn api(State(seen): State<Arc<Seen>>, request: Request) -> Response {
    seen.requests.fetch_add(1, Ordering::SeqCst);
    let header = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    *seen.authorization.lock().unwrap() = header.map(str::to_owned);
    if request.uri().query().unwrap_or_default().contains("watch=true") {
        return Response::new(Body::new(Ticks(tokio::time::interval(Duration::from_millis(20)))));
    }
    let body = request.into_body().collect().await.unwrap().to_bytes();
    Response::builder()
        .status(201)
        .body(Body::from(format!("seen: {}", String::from_utf8_lossy(&body))))
        .unwrap()
}

/// One event every 20 ms, for ever.
struct Ticks(tokio::time::Interval);

impl hyper::body::Body for Ticks {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_tick(context).map(|_| Some(Ok(Frame::data(Bytes::from_static(b"tick\n")))))
    }
}

struct World {
    seen: Arc<Seen>,
    proxy: String,
    control: String,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

impl World {
    async fn new() -> Self {
        Self::with_tls(None).await
    }

    async fn with_tls(acceptor: Option<TlsAcceptor>) -> Self {
        let seen = Arc::new(Seen::default());
        let server = serve(Router::new().fallback(api).with_state(Arc::clone(&seen))).await;
        let gate = Arc::new(Gate::new(Upstream::new(&server.parse().unwrap(), None).unwrap()));
        let control = serve(control::router(Arc::clone(&gate))).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let proxy = format!("{scheme}://{}", listener.local_addr().unwrap());
        tokio::spawn(listen::run(listener, acceptor, gate));
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls::client(None).unwrap())
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { seen, proxy, control, client }
    }

    async fn send(
        &self,
        method: &str,
        url: &str,
        body: String,
    ) -> Result<hyper::Response<hyper::body::Incoming>, String> {
        let request = hyper::Request::builder()
            .method(method)
            .uri(url)
            .header("user-agent", "linnet/0.1.0 test")
            .header("authorization", "Bearer secret")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let sent = tokio::time::timeout(LIMIT, self.client.request(request)).await;
        sent.map_err(|_| "no answer".to_owned())?.map_err(|error| error.to_string())
    }

    async fn api(&self, method: &str, path: &str) -> Result<u16, String> {
        let body = json!({ "metadata": { "name": "web-1" } }).to_string();
        let url = format!("{}{path}", self.proxy);
        self.send(method, &url, body).await.map(|answer| answer.status().as_u16())
    }

    async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.send(method, &format!("{}/control/{path}", self.control), body.to_string()).await;
        let answer = answer.unwrap();
        assert!(answer.status().is_success(), "{method} {path}: {}", answer.status());
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    }

    async fn rule(&self, rule: Value) {
        self.control("POST", "rules", rule).await;
    }

    fn requests(&self) -> u64 {
        self.seen.requests.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn what_no_rule_names_passes_unchanged_and_is_counted_and_noted() {
    let world = World::new().await;
    let answer = world.send("POST", &format!("{}{PODS}", world.proxy), "{\"a\":1}".to_owned()).await.unwrap();
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "seen: {\"a\":1}");
    assert_eq!(world.seen.authorization.lock().unwrap().as_deref(), Some("Bearer secret"));
    world.api("PATCH", &format!("{PODS}/web-1/status")).await.unwrap();
    world.api("GET", PODS).await.unwrap();
    let counts = world.control("GET", "counts", json!(null)).await;
    let want = json!([
        { "userAgent": "linnet/0.1.0", "verb": "create", "resource": "pods", "subresource": "", "count": 1 },
        { "userAgent": "linnet/0.1.0", "verb": "list", "resource": "pods", "subresource": "", "count": 1 },
        { "userAgent": "linnet/0.1.0", "verb": "patch", "resource": "pods", "subresource": "status", "count": 1 },
    ]);
    assert_eq!(counts, want);
    let log = world.control("GET", "log?since=1", json!(null)).await;
    assert_eq!(log.as_array().unwrap().len(), 1);
    let write = &log[0];
    assert_eq!(
        (&write["index"], &write["verb"], &write["name"], &write["status"], &write["path"]),
        (&json!(2), &json!("patch"), &json!("web-1"), &json!(201), &json!(format!("{PODS}/web-1/status")))
    );
    world.control("POST", "reset", json!(null)).await;
    assert_eq!(world.control("GET", "log", json!(null)).await, json!([]));
}

#[tokio::test]
async fn an_answer_can_replace_the_servers_before_and_after_it_acted() {
    let world = World::new().await;
    world
        .rule(json!([
            { "match": { "verbs": ["create"] }, "times": 1, "action": { "do": "answer", "status": 409 } },
            { "match": { "verbs": ["patch"], "name": "web-1" }, "times": 1,
              "action": { "do": "answer", "status": 503, "when": "after", "retryAfterSeconds": 2 } },
        ]))
        .await;
    assert_eq!(world.api("POST", PODS).await, Ok(409));
    assert_eq!(world.requests(), 0);
    let url = format!("{}{PODS}/web-1", world.proxy);
    let answer = world.send("PATCH", &url, "{}".to_owned()).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (503, "2"));
    let status: Value =
        serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert_eq!((&status["kind"], &status["code"]), (&json!("Status"), &json!(503)));
    assert_eq!(world.requests(), 1);
    let log = world.control("GET", "log", json!(null)).await;
    assert_eq!((&log[0]["status"], &log[1]["status"]), (&Value::Null, &json!(201)));
    assert_eq!(world.api("PATCH", &format!("{PODS}/web-1")).await, Ok(201));
}

#[tokio::test]
async fn a_connection_can_break_before_and_after_the_server_acted() {
    let world = World::new().await;
    world.rule(json!({ "times": 1, "action": { "do": "cut" } })).await;
    world.rule(json!({ "from": 2, "times": 1, "action": { "do": "cut", "when": "after" } })).await;
    assert!(world.api("PATCH", &format!("{PODS}/web-1")).await.is_err());
    assert_eq!(world.requests(), 0);
    assert!(world.api("PATCH", &format!("{PODS}/web-1")).await.is_err());
    assert_eq!(world.requests(), 1);
    assert_eq!(world.api("PATCH", &format!("{PODS}/web-1")).await, Ok(201));
}

#[tokio::test]
async fn requests_can_be_delayed_and_swallowed() {
    let world = World::new().await;
    world.rule(json!({ "times": 1, "action": { "do": "delay", "milliseconds": 300 } })).await;
    let began = Instant::now();
    assert_eq!(world.api("GET", PODS).await, Ok(201));
    assert!(began.elapsed() >= Duration::from_millis(300));
    world.rule(json!({ "times": 1, "action": { "do": "drop" } })).await;
    let swallowed = tokio::time::timeout(Duration::from_millis(300), world.api("GET", PODS)).await;
    assert!(swallowed.is_err());
    assert_eq!(world.requests(), 1);
}

#[tokio::test]
async fn the_process_is_dead_before_the_kth_write_is_sent_or_after_it_was_answered() {
    for (when, requests) in [("before", 1), ("after", 2)] {
        let world = World::new().await;
        let mut victim = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let action = json!({ "do": "kill", "pid": victim.id(), "when": when });
        let matcher = json!({ "userAgent": "linnet", "writes": true, "exceptResources": ["leases"] });
        world
            .rule(json!({ "name": "crash", "match": matcher, "from": 2, "times": 1, "action": action }))
            .await;
        let lease = "/apis/coordination.k8s.io/v1/namespaces/linnet/leases/linnet";
        assert_eq!(world.api("PATCH", &format!("{PODS}/web-1")).await, Ok(201));
        assert_eq!(world.api("PUT", lease).await, Ok(201));
        assert!(world.api("PATCH", &format!("{PODS}/web-1")).await.is_err());
        assert_eq!(world.requests(), requests + 1, "{when}");
        assert!(!victim.wait().unwrap().success());
        let fired = world.control("GET", "wait?timeoutSeconds=10", json!(null)).await;
        assert_eq!(
            (&fired[0]["rule"], &fired[0]["index"], &fired[0]["when"]),
            (&json!("crash"), &json!(3), &json!(when))
        );
        assert_eq!(fired[0]["error"], Value::Null);
    }
}

#[tokio::test]
async fn a_held_request_goes_on_when_it_is_released() {
    let world = Arc::new(World::new().await);
    world.rule(json!({ "times": 1, "action": { "do": "hold", "when": "before" } })).await;
    let sender = Arc::clone(&world);
    let held = tokio::spawn(async move { sender.api("PATCH", &format!("{PODS}/web-1")).await });
    let fired = world.control("GET", "wait?timeoutSeconds=10", json!(null)).await;
    assert_eq!((&fired[0]["held"], &fired[0]["request"]["name"]), (&json!(true), &json!("web-1")));
    assert_eq!(world.requests(), 0);
    let released =
        world.control("POST", "release", json!({ "id": fired[0]["id"], "then": "continue" })).await;
    assert_eq!(released, json!({ "released": 1 }));
    assert_eq!(held.await.unwrap(), Ok(201));
    assert_eq!(world.requests(), 1);
}

/// What a stream does within half a second after `mode` was ordered: `broken`, `ended` or `silent`.
async fn after_cut(mode: &str) -> &'static str {
    let world = World::new().await;
    let url = format!("{}{PODS}?watch=true", world.proxy);
    let mut stream = world.send("GET", &url, String::new()).await.unwrap().into_body();
    assert_eq!(stream.frame().await.unwrap().unwrap().into_data().unwrap(), "tick\n");
    assert_eq!(world.control("GET", "streams", json!(null)).await[0]["verb"], "watch");
    let order = json!({ "match": { "resources": ["pods"] }, "mode": mode });
    assert_eq!(world.control("POST", "cut", order).await, json!({ "ended": 1 }));
    let rest = async {
        loop {
            match stream.frame().await {
                Some(Ok(_)) => {}
                Some(Err(_)) => return "broken",
                None => return "ended",
            }
        }
    };
    tokio::time::timeout(Duration::from_millis(500), rest).await.unwrap_or("silent")
}

#[tokio::test]
async fn an_open_stream_can_break_end_or_fall_silent() {
    assert_eq!(after_cut("break").await, "broken");
    assert_eq!(after_cut("end").await, "ended");
    assert_eq!(after_cut("hang").await, "silent");
}

#[tokio::test]
async fn a_stream_can_be_given_its_end_when_it_begins() {
    let world = World::new().await;
    let action = json!({ "do": "endStream", "milliseconds": 200, "mode": "end" });
    world.rule(json!({ "match": { "verbs": ["watch"] }, "action": action })).await;
    let url = format!("{}{PODS}?watch=true", world.proxy);
    let stream = world.send("GET", &url, String::new()).await.unwrap().into_body();
    let all = tokio::time::timeout(LIMIT, stream.collect()).await.unwrap().unwrap().to_bytes();
    assert!((2..=30).contains(&(all.len() / "tick\n".len())), "{} bytes", all.len());
}

#[tokio::test]
async fn a_bad_order_is_refused_by_its_field() {
    let world = World::new().await;
    let url = format!("{}/control/rules", world.control);
    let answer =
        world.send("POST", &url, json!({ "action": { "do": "explode" } }).to_string()).await.unwrap();
    assert_eq!(answer.status(), 400);
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&text).contains("explode"));
}

#[tokio::test]
async fn clients_may_speak_tls() {
    let dir = std::env::temp_dir().join(format!("e2e-proxy-tls-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (cert, key) = (dir.join("tls.crt"), dir.join("tls.key"));
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=proxy", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let acceptor = TlsAcceptor::from(Arc::new(tls::server(&cert, &key).unwrap()));
    let world = World::with_tls(Some(acceptor)).await;
    assert_eq!(world.api("PATCH", &format!("{PODS}/web-1")).await, Ok(201));
    assert!(tls::client(Some(&cert)).is_ok());
    assert!(tls::client(Some(&key)).is_err());
    std::fs::remove_dir_all(&dir).unwrap();
}
