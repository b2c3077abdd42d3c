//! Response schemas: which ones the service takes, and how they are followed.

use serde_json::{Map, Value, json};

/// What JSON Schema may use. Everything else is refused: no `pattern`, `minLength`, `allOf`, `$schema`, …
const KEYWORDS: [&str; 21] = [
    "$id",
    "$defs",
    "$ref",
    "$anchor",
    "type",
    "format",
    "title",
    "description",
    "enum",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "anyOf",
    "oneOf",
    "properties",
    "additionalProperties",
    "required",
    "propertyOrdering",
];
const TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "array", "object", "null"];
/// Members of Google's own schema type.
const OPENAPI_KEYWORDS: [&str; 22] = [
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "maxItems",
    "minItems",
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
    "example",
    "anyOf",
    "propertyOrdering",
    "default",
    "items",
    "minimum",
    "maximum",
];
const DEEPEST: usize = 32;

/// Checks a `responseJsonSchema` at every level. The error says where and what.
pub fn check(schema: &Value) -> Result<(), String> {
    check_at(schema, schema, "response_json_schema", 0)
}

fn check_at(root: &Value, schema: &Value, path: &str, depth: usize) -> Result<(), String> {
    if depth > DEEPEST {
        return Err(format!("{path}: the schema is nested too deeply"));
    }
    let Value::Object(members) = schema else {
        return if schema.is_boolean() && depth > 0 {
            Ok(())
        } else {
            Err(format!("{path}: a schema must be an object"))
        };
    };
    for (name, value) in members {
        if !KEYWORDS.contains(&name.as_str()) {
            return Err(format!("{path}: keyword \"{name}\" is not supported"));
        }
        check_keyword(root, name, value, path, depth)?;
    }
    check_required(members, path)
}

fn check_keyword(root: &Value, name: &str, value: &Value, path: &str, depth: usize) -> Result<(), String> {
    let below = |child: &Value, step: &str| check_at(root, child, &format!("{path}.{step}"), depth + 1);
    match (name, value) {
        ("$ref", Value::String(target)) => {
            resolve(root, target).map(|_| ()).ok_or_else(|| format!("{path}: $ref \"{target}\" does not resolve"))
        }
        ("type", Value::String(kind)) => check_type(kind, path),
        ("type", Value::Array(kinds)) => {
            kinds.iter().try_for_each(|kind| check_type(kind.as_str().unwrap_or_default(), path))
        }
        ("properties" | "$defs", Value::Object(children)) => {
            children.iter().try_for_each(|(child, schema)| below(schema, &format!("{name}.{child}")))
        }
        ("items" | "additionalProperties", child @ (Value::Object(_) | Value::Bool(_))) => below(child, name),
        ("prefixItems" | "anyOf" | "oneOf", Value::Array(children)) => {
            children.iter().try_for_each(|child| below(child, name))
        }
        ("minItems" | "maxItems", Value::Number(number)) if number.is_u64() => Ok(()),
        ("minimum" | "maximum", Value::Number(_))
        | ("enum" | "required" | "propertyOrdering", Value::Array(_))
        | ("$id" | "$anchor" | "format" | "title" | "description", Value::String(_)) => Ok(()),
        _ => Err(format!("{path}: \"{name}\" has the wrong type")),
    }
}

fn check_type(kind: &str, path: &str) -> Result<(), String> {
    if TYPES.contains(&kind) { Ok(()) } else { Err(format!("{path}: type \"{kind}\" does not exist")) }
}

fn check_required(members: &Map<String, Value>, path: &str) -> Result<(), String> {
    let properties = members.get("properties").and_then(Value::as_object);
    for list in ["required", "propertyOrdering"] {
        for name in members.get(list).and_then(Value::as_array).into_iter().flatten() {
            let name = name.as_str().unwrap_or_default();
            if !properties.is_some_and(|properties| properties.contains_key(name)) {
                return Err(format!("{path}.{list}: property \"{name}\" is not defined"));
            }
        }
    }
    Ok(())
}

/// Checks a `responseSchema` and turns it into JSON Schema.
pub fn from_openapi(schema: &Value) -> Result<Value, String> {
    let Value::Object(members) = schema else { return Err("response_schema: a schema must be an object".into()) };
    let mut converted = Map::new();
    for (name, value) in members {
        if !OPENAPI_KEYWORDS.contains(&name.as_str()) {
            return Err(format!("Unknown name \"{name}\" at 'generation_config.response_schema': Cannot find field."));
        }
        match name.as_str() {
            "type" => {
                let kind = value.as_str().unwrap_or_default().to_lowercase();
                check_type(&kind, "response_schema")?;
                converted.insert("type".into(), json!(kind));
            }
            "items" => {
                converted.insert("items".into(), from_openapi(value)?);
            }
            "anyOf" => {
                let options =
                    value.as_array().into_iter().flatten().map(from_openapi).collect::<Result<Vec<_>, _>>()?;
                converted.insert("anyOf".into(), json!(options));
            }
            "properties" => {
                let mut properties = Map::new();
                for (child, schema) in value.as_object().into_iter().flatten() {
                    properties.insert(child.clone(), from_openapi(schema)?);
                }
                converted.insert("properties".into(), Value::Object(properties));
            }
            "minItems" | "maxItems" | "minimum" | "maximum" | "enum" | "required" | "propertyOrdering" => {
                // The proto form writes 64-bit numbers as strings.
                let number = value.as_str().and_then(|text| text.parse::<i64>().ok());
                converted.insert(name.clone(), number.map_or_else(|| value.clone(), |number| json!(number)));
            }
            _ => {}
        }
    }
    check_required(&converted, "response_schema")?;
    Ok(Value::Object(converted))
}

/// What a `$ref` points to: `#`, `#/$defs/Name`, or an `$id` or `$anchor` of a definition.
pub fn resolve<'a>(root: &'a Value, target: &str) -> Option<&'a Value> {
    if target == "#" {
        return Some(root);
    }
    if let Some(pointer) = target.strip_prefix('#')
        && pointer.starts_with('/')
    {
        return root.pointer(pointer);
    }
    let name = target.trim_start_matches('#');
    root["$defs"].as_object()?.values().find(|schema| schema["$id"] == target || schema["$anchor"] == name)
}

/// Why `value` does not fit `schema`, if so. Used by tests on what was written.
#[cfg(test)]
pub fn mismatch(root: &Value, schema: &Value, value: &Value, path: &str) -> Option<String> {
    if let Some(target) = schema["$ref"].as_str() {
        return mismatch(root, resolve(root, target)?, value, path);
    }
    if let Some(options) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        let fits = options.iter().any(|option| mismatch(root, option, value, path).is_none());
        return (!fits).then(|| format!("{path}: none of the options fits {value}"));
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let fits = |kind: &&str| match *kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => value.is_null(),
    };
    if !kinds.is_empty() && !kinds.iter().any(fits) {
        return Some(format!("{path}: {value} is none of {kinds:?}"));
    }
    if let Some(options) = schema["enum"].as_array()
        && !options.contains(value)
    {
        return Some(format!("{path}: {value} is not in the enum"));
    }
    if let Some(number) = value.as_f64() {
        let too_small = schema["minimum"].as_f64().is_some_and(|minimum| number < minimum);
        let too_large = schema["maximum"].as_f64().is_some_and(|maximum| number > maximum);
        if too_small || too_large {
            return Some(format!("{path}: {number} is out of range"));
        }
    }
    if let Some(items) = value.as_array() {
        let count = items.len() as u64;
        if schema["minItems"].as_u64().is_some_and(|least| count < least)
            || schema["maxItems"].as_u64().is_some_and(|most| count > most)
        {
            return Some(format!("{path}: {count} items"));
        }
        let prefix = schema["prefixItems"].as_array().map(Vec::as_slice).unwrap_or_default();
        return items.iter().enumerate().find_map(|(index, item)| {
            let item_schema = prefix.get(index).unwrap_or(&schema["items"]);
            mismatch(root, item_schema, item, &format!("{path}[{index}]"))
        });
    }
    let members = value.as_object()?;
    for required in schema["required"].as_array().into_iter().flatten() {
        if !members.contains_key(required.as_str()?) {
            return Some(format!("{path}: {required} is missing"));
        }
    }
    members.iter().find_map(|(name, member)| match schema["properties"].get(name) {
        Some(child) => mismatch(root, child, member, &format!("{path}.{name}")),
        None if schema["additionalProperties"] == false => Some(format!("{path}.{name} is not allowed")),
        None => None,
    })
}
