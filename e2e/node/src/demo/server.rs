//! The sockets of the built-in server: from start-up to the last answer after SIGTERM.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::demo::app::App;
use crate::demo::args::Settings;
use crate::lifecycle::exit::Ending;
use crate::stop::{Stop, Stopper};

/// Serves `app` on `addresses` until it is told to stop or crashes, and says how it ended.
///
/// `listening` turns true once connections are accepted. After SIGTERM it goes on answering for its drain
/// time, asks peers to close their connections, finishes what is under way, and closes.
pub(crate) async fn serve(
    app: Arc<App>,
    settings: Settings,
    addresses: Vec<SocketAddr>,
    mut stop: Stopper,
    listening: watch::Sender<bool>,
) -> Ending {
    if pause(settings.startup, &mut stop).await.is_err() {
        return Ending::completed();
    }
    let (quit, _) = watch::channel(false);
    let mut acceptors = match open(&app, &addresses, &quit).await {
        Ok(acceptors) => acceptors,
        Err(ending) => return ending,
    };
    listening.send_replace(true);
    // Without --crash-after it runs for as long as a timer can count.
    let life = settings.crash_after.unwrap_or(Duration::MAX);
    let Err(asked) = pause(life, &mut stop).await else {
        return Ending::failed("crashed as --crash-after asked for");
    };
    let Stop::By(deadline) = asked else { return Ending::killed() };
    app.drain();
    let drained = sleep_until(deadline.min(Instant::now() + settings.drain));
    let farewell = async {
        drained.await;
        quit.send_replace(true);
        while acceptors.join_next().await.is_some() {}
    };
    tokio::select! {
        () = farewell => Ending::completed(),
        () = sleep_until(deadline) => Ending::killed(),
        () = stop.killed() => Ending::killed(),
    }
}

/// Waits; the error is how it was told to stop meanwhile.
async fn pause(time: Duration, stop: &mut Stopper) -> Result<(), Stop> {
    tokio::select! {
        () = sleep(time) => Ok(()),
        asked = stop.requested() => Err(asked),
    }
}

/// Accepts connections on all addresses until `quit`.
async fn open(
    app: &Arc<App>,
    addresses: &[SocketAddr],
    quit: &watch::Sender<bool>,
) -> Result<JoinSet<()>, Ending> {
    let mut acceptors = JoinSet::new();
    for address in addresses {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| Ending::failed(format!("cannot listen on {address}: {error}")))?;
        acceptors.spawn(accept(listener, Arc::clone(app), quit.subscribe()));
    }
    Ok(acceptors)
}

async fn accept(listener: TcpListener, app: Arc<App>, mut quit: watch::Receiver<bool>) {
    let until = quit.clone();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, Arc::clone(&app), until.clone()));
                }
                // Out of descriptors, or the peer is gone already: neither ends a server.
                Err(_) => sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
            () = told(&mut quit) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Waits until `quit` says so, or nobody can say it any more.
async fn told(quit: &mut watch::Receiver<bool>) {
    let _ = quit.wait_for(|quit| *quit).await;
}

async fn converse(stream: TcpStream, app: Arc<App>, mut quit: watch::Receiver<bool>) {
    // Small answers must not wait for the peer's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let app = Arc::clone(&app);
        async move { Ok::<_, Infallible>(respond(&app, request).await) }
    });
    // Idle connections stay open: a server that closes them before its proxy does loses a request that comes just then.
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // A peer that went away is the peer's business.
        _ = connection.as_mut() => return,
        () = told(&mut quit) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn respond(app: &App, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
    // The body is read to its end, so that the connection can be used again.
    while let Some(Ok(_)) = request.body_mut().frame().await {}
    let json = request
        .headers()
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/json"));
    let query = request.uri().query().unwrap_or_default();
    let answer = app.answer(request.method().as_str(), request.uri().path(), query, json).await;
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() =
        hyper::StatusCode::from_u16(answer.code).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.kind));
    for (name, value) in
        [("x-pod", &*app.identity().pod), ("x-version", app.version()), ("x-hash", &*app.identity().hash)]
    {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    if app.is_draining() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::demo::app::Identity;
    use crate::stop::channel;

    async fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    fn free_address() -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    }

    fn start(settings: &Settings) -> (SocketAddr, watch::Sender<Stop>, tokio::task::JoinHandle<Ending>) {
        let address = free_address();
        let identity = Identity { pod: "web-1".to_owned(), hash: "6b9f".to_owned() };
        let app = Arc::new(App::new(identity, settings));
        let (stop, stopper) = channel();
        let (listening, _) = watch::channel(false);
        let ending = tokio::spawn(serve(app, settings.clone(), vec![address], stopper, listening));
        (address, stop, ending)
    }

    async fn until_answered(address: SocketAddr) -> String {
        for _ in 0..200 {
            if let Ok(answer) = get(address, "/").await {
                return answer;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("{address} never answered");
    }

    #[tokio::test]
    async fn answers_carry_pod_version_and_hash() {
        let (address, _stop, _ending) = start(&Settings::new("v2"));
        let answer = until_answered(address).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        for want in ["x-pod: web-1\r\n", "x-version: v2\r\n", "x-hash: 6b9f\r\n"] {
            assert!(answer.contains(want), "{answer}");
        }
    }

    #[tokio::test]
    async fn after_sigterm_it_answers_until_the_drain_ends_and_then_closes() {
        let settings = Settings { drain: Duration::from_millis(400), ..Settings::new("v2") };
        let (address, stop, ending) = start(&settings);
        until_answered(address).await;
        stop.send_replace(Stop::By(Instant::now() + Duration::from_secs(20)));
        sleep(Duration::from_millis(100)).await;
        assert!(get(address, "/").await.unwrap().contains("connection: close"));
        assert_eq!(ending.await.unwrap(), Ending::completed());
        assert!(get(address, "/").await.is_err());
    }

    #[tokio::test]
    async fn an_answer_under_way_is_finished_after_the_drain() {
        let settings = Settings {
            drain: Duration::from_millis(50),
            latency: Duration::from_millis(500),
            ..Settings::new("v2")
        };
        let (address, stop, ending) = start(&settings);
        until_answered(address).await;
        let slow = tokio::spawn(async move { get(address, "/").await });
        sleep(Duration::from_millis(100)).await;
        stop.send_replace(Stop::By(Instant::now() + Duration::from_secs(20)));
        assert!(slow.await.unwrap().unwrap().starts_with("HTTP/1.1 200"));
        assert_eq!(ending.await.unwrap(), Ending::completed());
    }

    #[tokio::test]
    async fn a_crash_ends_with_code_one() {
        let settings = Settings { crash_after: Some(Duration::from_millis(20)), ..Settings::new("v2") };
        let (_address, _stop, ending) = start(&settings);
        assert_eq!(ending.await.unwrap().code, 1);
    }
}
