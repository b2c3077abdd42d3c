//! A webhook delivery as one input: header lines, an empty line, the body.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The headers that can be read and the body. Without an empty line everything is body.
pub fn read(input: &[u8]) -> (HeaderMap, &[u8]) {
    let Some(end) = input.windows(2).position(|pair| pair == b"\n\n") else { return (HeaderMap::new(), input) };
    let mut headers = HeaderMap::new();
    for line in input[..end].split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(line[..colon].trim_ascii());
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    (headers, &input[end + 2..])
}

/// The body with small changes, none of which leaves it as it is.
pub fn changed(body: &[u8]) -> Vec<Vec<u8>> {
    let mut changed = vec![[body, b" "].concat(), [body, b"\0"].concat(), [b"\n", body].concat()];
    for at in [0, body.len() / 3, body.len() / 2, body.len().saturating_sub(1)] {
        if at < body.len() {
            for bit in [1, 0x20, 0x80] {
                let mut flipped = body.to_vec();
                flipped[at] ^= bit;
                changed.push(flipped);
            }
            changed.push([&body[..at], &body[at + 1..]].concat());
        }
    }
    changed
}
