//! Values as a backend sends them.

use analysis::Value;
use analysis::provider::Answer;
use serde_json::{Value as Json, json};

/// The answer of Prometheus' query API that is read as this value; `None` for a value that it cannot express.
#[must_use]
pub fn prometheus(value: &Value) -> Option<Answer> {
    let data = match value {
        Value::Float(number) => json!({ "resultType": "scalar", "result": sample(*number) }),
        Value::Floats(numbers) => {
            let series: Vec<Json> = numbers
                .iter()
                .enumerate()
                .map(|(index, number)| json!({ "metric": { "series": index.to_string() }, "value": sample(*number) }))
                .collect();
            json!({ "resultType": "vector", "result": series })
        }
        _ => return None,
    };
    let body = json!({ "status": "success", "data": data }).to_string().into_bytes();
    Some(Answer { status: 200, content_type: Some("application/json".to_owned()), body, truncated: false })
}

fn sample(number: f64) -> Json {
    json!([0, Value::Float(number).to_string()])
}
