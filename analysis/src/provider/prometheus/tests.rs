use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::Value;
use crate::provider::{self, TransportError};

use super::*;

const ADDRESS: &str = "http://prometheus:9090/team";

fn environment(address: Option<&str>) -> Environment<'_> {
    Environment { prometheus_address: address, now: "2026-11-21T12:00:00.250Z".parse().unwrap() }
}

fn spec(prometheus: Json) -> crds::analysis::provider::MetricProvider {
    let fields = serde_json::Map::from_iter([("prometheus".to_owned(), prometheus)]);
    serde_json::from_value(Json::Object(fields)).unwrap()
}

fn asked(prometheus: Json) -> Result<HttpAsk, String> {
    let asked = provider::ask(&spec(prometheus), &environment(Some("http://fallback:9090")));
    asked.map(|Ask::Http(http)| http).map_err(|error| error.to_string())
}

#[test]
fn an_instant_query_is_a_form() {
    let http = asked(json!({"address": ADDRESS, "query": "sum(up)"})).unwrap();
    assert_eq!(
        (http.method, http.url.as_str()),
        (HttpMethod::Post, "http://prometheus:9090/team/api/v1/query")
    );
    assert_eq!(String::from_utf8(http.body).unwrap(), "query=sum%28up%29&time=1795262400.250");
    assert_eq!((http.timeout, http.max_bytes, http.insecure), (Duration::from_secs(30), 1024 * 1024, false));
    let expected = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")];
    assert_eq!(http.headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn a_range_query_has_bounds() {
    let range = json!({"start": "now() - duration(\"5m\")", "end": "now()", "step": "1m30s"});
    let http = asked(json!({"address": ADDRESS, "query": "up", "rangeQuery": range})).unwrap();
    assert_eq!(http.url, "http://prometheus:9090/team/api/v1/query_range");
    let body = String::from_utf8(http.body).unwrap();
    assert_eq!(body, "query=up&start=1795262100.250&end=1795262400.250&step=90.000");
}

#[rstest]
#[case::own_address(json!({"query": "up", "address": "http://own"}), "http://own/api/v1/query")]
#[case::fallback(json!({"query": "up"}), "http://fallback:9090/api/v1/query")]
fn addresses(#[case] prometheus: Json, #[case] url: &str) {
    assert_eq!(asked(prometheus).unwrap().url, url);
}

#[rstest]
#[case::default(json!(null), 30)]
#[case::zero_is_the_default(json!(0), 30)]
#[case::own(json!(5), 5)]
fn timeouts(#[case] timeout: Json, #[case] seconds: u64) {
    let http = asked(json!({"query": "up", "timeout": timeout})).unwrap();
    assert_eq!(http.timeout, Duration::from_secs(seconds));
}

#[rstest]
#[case::bearer(json!({"headers": [{"key": "Authorization", "value": "Bearer t0ken"}]}), "Bearer t0ken")]
#[case::basic(json!({"authentication": {"basic": {"username": "me", "password": "p@ss"}}}), "Basic bWU6cEBzcw==")]
#[case::user_in_the_address(json!({"address": "http://me:p%40ss@host"}), "Basic bWU6cEBzcw==")]
#[case::header_before_address(
    json!({"address": "http://me:x@host", "headers": [{"key": "authorization", "value": "Bearer t0ken"}]}), "Bearer t0ken"
)]
fn authorizations(#[case] mut prometheus: Json, #[case] value: &str) {
    prometheus["query"] = json!("up");
    let http = asked(prometheus).unwrap();
    let found: Vec<&str> = http
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(found, [value]);
    assert!(!http.url.contains('@'), "{}", http.url);
    assert!(!format!("{http:?}").contains(value));
}

#[rstest]
#[case::no_query(json!({}), "provider.prometheus.query: it is empty; write a PromQL query")]
#[case::no_url(json!({"query": "up", "address": "prometheus:9090"}), "provider.prometheus.address: \"prometheus:9090\" is no address: it needs a scheme, as in http://host:9090")]
#[case::secret_in_a_bad_address(json!({"query": "up", "address": "ftp://me:secret@host/?token=secret"}), "provider.prometheus.address: \"ftp://host/\" is no address: its scheme must be http or https")]
#[case::timeout(json!({"query": "up", "timeout": -1}), "provider.prometheus.timeout: it must be between 0 and 3600 seconds")]
#[case::header_name(json!({"query": "up", "headers": [{"key": "a b"}]}), "provider.prometheus.headers[0].key: \"a b\" is no name of a header")]
#[case::header_injection(json!({"query": "up", "headers": [{"key": "X", "value": "1\r\nHost: y"}]}), "provider.prometheus.headers[0].value: the value of X holds a line break or another control character")]
#[case::two_authorizations(
    json!({"query": "up", "headers": [{"key": "Authorization", "value": "x"}], "authentication": {"basic": {"username": "u"}}}),
    "provider.prometheus.authentication.basic: it is set, and so is a header Authorization; keep one of them"
)]
#[case::sigv4(
    json!({"query": "up", "authentication": {"sigv4": {"region": "eu-west-1"}}}),
    "provider.prometheus.authentication.sigv4: not supported yet by this version; supported: authentication.basic, or headers with Authorization"
)]
#[case::oauth2(
    json!({"query": "up", "authentication": {"oauth2": {"tokenUrl": "http://x"}}}),
    "provider.prometheus.authentication.oauth2: not supported yet by this version; supported: authentication.basic, or headers with Authorization"
)]
#[case::step(
    json!({"query": "up", "rangeQuery": {"start": "now()", "end": "now()", "step": "0s"}}),
    "provider.prometheus.rangeQuery.step: \"0s\" is not longer than zero"
)]
#[case::backwards(
    json!({"query": "up", "rangeQuery": {"start": "now()", "end": "now() - duration('1m')", "step": "1s"}}),
    "provider.prometheus.rangeQuery: end \"now() - duration('1m')\" lies before start \"now()\""
)]
fn unaskable(#[case] prometheus: Json, #[case] message: &str) {
    assert_eq!(asked(prometheus).unwrap_err(), message);
}

#[test]
fn without_any_address_it_says_where_to_set_one() {
    let error = provider::ask(&spec(json!({"query": "up"})), &environment(None)).unwrap_err();
    assert_eq!(error, ProviderError::NoAddress);
    assert!(error.to_string().contains("ARGO_ROLLOUTS_PROMETHEUS_ADDRESS"), "{error}");
}

fn read(status: u16, content_type: &str, body: &[u8]) -> Result<Reading, ProviderError> {
    let answer =
        Answer { status, content_type: Some(content_type.to_owned()), body: body.to_vec(), truncated: false };
    let environment = environment(None);
    provider::answer(&spec(json!({"query": "up", "address": ADDRESS})), &environment, &Ok(answer))
}

fn result(result_type: &str, result: &str) -> Result<Value, String> {
    let body = format!(r#"{{"status":"success","data":{{"resultType":"{result_type}","result":{result}}}}}"#);
    read(200, "application/json", body.as_bytes())
        .map(|reading| reading.value)
        .map_err(|error| error.to_string())
}

#[rstest]
#[case::scalar("scalar", r#"[1.5,"0.25"]"#, "0.25")]
#[case::exponent("scalar", r#"[1,"1e+06"]"#, "1000000")]
#[case::nan("scalar", r#"[1,"NaN"]"#, "NaN")]
#[case::infinite("scalar", r#"[1,"+Inf"]"#, "+Inf")]
#[case::minus_infinite("scalar", r#"[1,"-Inf"]"#, "-Inf")]
#[case::empty_vector("vector", "[]", "[]")]
#[case::vector(
    "vector",
    r#"[{"metric":{"a":"b"},"value":[1,"0.5"]},{"metric":{},"value":[1,"NaN"]}]"#,
    "[0.5,NaN]"
)]
#[case::matrix(
    "matrix",
    r#"[{"metric":{},"values":[[1,"1"],[2,"2"]]},{"metric":{},"values":[[1,"3"]]}]"#,
    "[1,2,3]"
)]
#[case::empty_matrix("matrix", r#"[{"metric":{},"values":[]}]"#, "[]")]
fn results(#[case] result_type: &str, #[case] json: &str, #[case] shown: &str) {
    assert_eq!(result(result_type, json).map(|value| value.to_string()), Ok(shown.to_owned()));
}

#[rstest]
#[case::text(
    "string",
    r#"[1,"up"]"#,
    "the query returned a string; let it return a scalar, an instant vector or a range"
)]
#[case::histogram(
    "vector",
    r#"[{"metric":{},"histogram":[1,{"count":"1"}]}]"#,
    "the query returned a native histogram; take a number from it, as in histogram_quantile(0.95, …) or histogram_count(…)"
)]
#[case::no_number(
    "scalar",
    r#"[1,"many"]"#,
    "http://prometheus:9090/team answered with a scalar with a sample that is no number; check that the address is that of the API, not of a page or a login"
)]
#[case::no_text(
    "vector",
    r#"[{"value":[1,2]}]"#,
    "http://prometheus:9090/team answered with a vector with another form than the API's; check that the address is that of the API, not of a page or a login"
)]
fn no_results(#[case] result_type: &str, #[case] json: &str, #[case] message: &str) {
    assert_eq!(result(result_type, json), Err(message.to_owned()));
}

#[test]
fn too_many_samples_are_refused() {
    let series = vec![r#"{"value":[1,"1"]}"#; 20_001].join(",");
    let error = result("vector", &format!("[{series}]")).unwrap_err();
    assert_eq!(error, "the query returned more than 20000 samples; aggregate it, as in `sum(…)`");
    let fits = vec![r#"{"value":[1,"1"]}"#; 20_000].join(",");
    assert_eq!(result("vector", &format!("[{fits}]")), Ok(Value::Floats(vec![1.0; 20_000])));
}

#[test]
fn warnings_are_kept() {
    let body = br#"{"status":"success","warnings":["partial","slow \"x\""],"infos":["y"],"data":{"resultType":"vector","result":[]}}"#;
    let reading = read(200, "application/json", body).unwrap();
    assert_eq!(reading.warnings, ["partial", "slow \"x\""]);
    assert_eq!(reading.metadata()["warnings"], "\"partial\", \"slow \"x\"\"");
    let quiet = Reading { value: Value::Nil, warnings: vec![] };
    assert!(quiet.metadata().is_empty());
}

const HTML: &[u8] = b"<!DOCTYPE html><html><body>secret page</body></html>";
const BAD_DATA: &[u8] =
    br#"{"status":"error","errorType":"bad_data","error":"1:5: parse error: unclosed left parenthesis"}"#;

#[rstest]
#[case::rejected(
    400,
    "application/json",
    BAD_DATA,
    "HTTP 400 bad_data: 1:5: parse error: unclosed left parenthesis"
)]
#[case::rejected_with_200(200, "application/json", BAD_DATA, "HTTP 200 bad_data: 1:5: parse error")]
#[case::rejected_without_reason(
    422,
    "application/json",
    br#"{"status":"error"}"#,
    "HTTP 422 error: no reason given"
)]
#[case::html(
    200,
    "text/html; charset=utf-8",
    HTML,
    "answered with an HTML page; check that the address is that of the API"
)]
#[case::html_in_disguise(200, "application/json", HTML, "answered with an HTML page")]
#[case::html_not_found(
    404,
    "text/html",
    HTML,
    "HTTP 404: there is no query API at this path; check the path of the address"
)]
#[case::empty(200, "application/json", b"", "answered with an empty body")]
#[case::cut(200, "application/json", br#"{"status":"succ"#, "answered with JSON that breaks off")]
#[case::other_json(200, "application/json", br#"{"hello":1}"#, "answered with JSON that is no query result")]
#[case::success_without_data(
    200,
    "application/json",
    br#"{"status":"success"}"#,
    "answered with a success without data"
)]
#[case::text(200, "text/plain", b"ok", "answered with something that is no JSON")]
#[case::binary(200, "application/json", b"\xff\xfe\x00", "answered with something that is no JSON")]
#[case::redirect(302, "text/html", b"", "HTTP 302: it redirects, which is not followed")]
#[case::unauthorized(
    401,
    "text/plain",
    b"no",
    "HTTP 401: it does not let us ask; check provider.prometheus.headers"
)]
#[case::method(405, "text/plain", b"no", "HTTP 405: it does not accept POST")]
#[case::busy(429, "text/plain", b"", "HTTP 429: too many requests")]
#[case::unavailable(503, "text/plain", b"", "HTTP 503: it is not available")]
#[case::teapot(418, "text/plain", b"", "HTTP 418: it refused the query")]
#[case::success_that_is_no_success(
    500,
    "application/json",
    br#"{"status":"success","data":{"resultType":"vector","result":[]}}"#,
    "HTTP 500: it failed"
)]
fn other_answers(
    #[case] status: u16,
    #[case] content_type: &str,
    #[case] body: &[u8],
    #[case] message: &str,
) {
    let error = read(status, content_type, body).unwrap_err().to_string();
    assert!(error.starts_with("http://prometheus:9090/team answered with "), "{error}");
    assert!(error.contains(message), "{error}");
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn a_truncated_answer_is_too_large_even_if_it_parses() {
    let body = br#"{"status":"success","data":{"resultType":"vector","result":[]}}"#.to_vec();
    let answer = Answer { status: 200, content_type: None, body, truncated: true };
    let spec = spec(json!({"query": "up", "address": ADDRESS}));
    let error = provider::answer(&spec, &environment(None), &Ok(answer)).unwrap_err();
    assert_eq!(error, ProviderError::TooLarge { address: ADDRESS.to_owned(), limit_bytes: 1024 * 1024 });
}

#[test]
fn a_long_error_text_is_cut_and_stripped() {
    let body = format!(r#"{{"status":"error","errorType":"x","error":"\u001b[31m{}"}}"#, "a".repeat(100_000));
    let error = read(400, "application/json", body.as_bytes()).unwrap_err().to_string();
    assert!(error.len() < 500 && !error.contains('\u{1b}'), "{}", error.len());
}

#[test]
fn a_cut_never_splits_a_word() {
    let words = "token ".repeat(49);
    let body = format!(r#"{{"status":"error","errorType":"x","error":"{words}hunter-2-hunter-2 and more"}}"#);
    let error = read(400, "application/json", body.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("token token ...") && !error.contains("hunter"), "{error}");
}

#[test]
fn a_failed_transport_names_the_address_without_its_secrets() {
    let spec = spec(json!({"query": "up", "address": "http://me:secret@prometheus:9090?token=secret"}));
    let outcome = Err(TransportError::Connection { message: "connection refused".to_owned() });
    let error = provider::answer(&spec, &environment(None), &outcome).unwrap_err().to_string();
    assert!(error.starts_with("asking http://prometheus:9090: "), "{error}");
    assert!(error.contains("connection refused") && !error.contains("secret"), "{error}");
}

#[test]
fn the_query_is_kept_for_the_result() {
    let metadata = provider::metadata(&spec(json!({"query": "sum(up)"})));
    assert_eq!(metadata["ResolvedPrometheusQuery"], "sum(up)");
}

proptest::proptest! {
    #[test]
    fn any_answer_has_an_outcome(status in 100_u16..600, body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let outcome = read(status, "application/json", &body);
        proptest::prop_assert!(outcome.is_err());
    }

    #[test]
    fn any_json_result_has_an_outcome(text in "[\\[\\]{}\",:0-9a-z]{0,60}", kind in "(scalar|vector|matrix|string)") {
        if let Ok(value) = result(&kind, &text) {
            proptest::prop_assert!(matches!(value, Value::Float(_) | Value::Floats(_)));
        }
    }
}
