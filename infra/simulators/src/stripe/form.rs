//! Stripe's parameters: pairs whose names are paths in brackets, read into one object. All values are texts.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// Reads a form or a query. The name at fault, where one cannot be read.
pub fn read(encoded: &str) -> Result<Value, String> {
    let mut root = Value::Object(Map::new());
    for pair in encoded.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let (name, value) = (decode(name), decode(value));
        let mut place = &mut root;
        for part in parts(&name).ok_or_else(|| name.clone())? {
            if !place.is_object() {
                return Err(name);
            }
            place = place
                .as_object_mut()
                .ok_or_else(|| name.clone())?
                .entry(part)
                .or_insert_with(|| Value::Object(Map::new()));
        }
        *place = Value::String(value);
    }
    Ok(root)
}

/// `a[b][0]` as `a`, `b`, `0`.
fn parts(name: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    match name.split_once('[') {
        None => parts.push(name.to_owned()),
        Some((head, rest)) => {
            parts.push(head.to_owned());
            parts.extend(rest.strip_suffix(']')?.split("][").map(str::to_owned));
        }
    }
    parts.iter().all(|part| !part.is_empty() && !part.contains(['[', ']'])).then_some(parts)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn brackets_are_paths() {
        let read_form = read("a=1&b%5Bc%5D%5B0%5D=x+y&b[d]=%7B&e=").unwrap();
        assert_eq!(read_form, json!({ "a": "1", "b": { "c": { "0": "x y" }, "d": "{" }, "e": "" }));
        for wrong in ["[a]=1", "a[=1", "a[]=1", "a[b]c=1", "a=1&a[b]=2"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
