//! JSON Patch (RFC 6902): `add`, `remove`, `replace` and `test`.

use serde_json::Value;

/// The document after all changes.
///
/// # Errors
/// The first change that cannot be made.
pub(super) fn apply(mut document: Value, changes: &Vec<Value>) -> Result<Value, String> {
    for change in changes {
        let text = |name: &str| change.get(name).and_then(Value::as_str);
        let (Some(operation), Some(path)) = (text("op"), text("path")) else {
            return Err("a change has no op or no path".into());
        };
        let value = change.get("value");
        match (operation, value) {
            ("remove", _) => drop(remove(&mut document, path)?),
            ("add", Some(value)) => add(&mut document, path, value.clone())?,
            ("replace", Some(value)) => {
                *document.pointer_mut(path).ok_or_else(|| nothing(path))? = value.clone()
            }
            ("test", Some(value)) if document.pointer(path) == Some(value) => {}
            ("test", Some(_)) => return Err(format!("test: {path:.100} has another value")),
            ("add" | "replace" | "test", None) => return Err("a change has no value".into()),
            _ => return Err("op must be add, remove, replace or test".into()),
        }
    }
    Ok(document)
}

/// The object or list at the end of a path, and the name or index in it (RFC 6901).
fn place<'a>(document: &'a mut Value, path: &str) -> Result<(&'a mut Value, String), String> {
    let (parent, name) = path.rsplit_once('/').ok_or_else(|| nothing(path))?;
    let parent = document.pointer_mut(parent).ok_or_else(|| nothing(path))?;
    Ok((parent, name.replace("~1", "/").replace("~0", "~")))
}

fn add(document: &mut Value, path: &str, value: Value) -> Result<(), String> {
    match place(document, path)? {
        (Value::Object(object), name) => drop(object.insert(name, value)),
        (Value::Array(list), name) => {
            let index = if name == "-" {
                Some(list.len())
            } else {
                name.parse().ok()
            };
            let index = index
                .filter(|index| *index <= list.len())
                .ok_or_else(|| nothing(path))?;
            list.insert(index, value);
        }
        _ => return Err(nothing(path)),
    }
    Ok(())
}

fn remove(document: &mut Value, path: &str) -> Result<Value, String> {
    match place(document, path)? {
        (Value::Object(object), name) => object.remove(&name),
        (Value::Array(list), name) => {
            let index = name.parse().ok().filter(|index| *index < list.len());
            index.map(|index: usize| list.remove(index))
        }
        _ => None,
    }
    .ok_or_else(|| nothing(path))
}

fn nothing(path: &str) -> String {
    format!("there is nothing at {path:.100}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changes_are_made_in_order_and_all_or_none() {
        let before = json!({"a": [1, 2], "b/c": "x"});
        let changes = json!([
            {"op": "test", "path": "/a/0", "value": 1},
            {"op": "add", "path": "/a/-", "value": 3},
            {"op": "add", "path": "/a/0", "value": 0},
            {"op": "remove", "path": "/a/1"},
            {"op": "replace", "path": "/b~1c", "value": "y"},
            {"op": "add", "path": "/d", "value": null},
        ]);
        let after = apply(before.clone(), changes.as_array().unwrap());
        assert_eq!(after, Ok(json!({"a": [0, 2, 3], "b/c": "y", "d": null})));
        for wrong in [
            json!({"op": "remove", "path": "/x"}),
            json!({"op": "remove", "path": "/a/2"}),
            json!({"op": "remove", "path": ""}),
            json!({"op": "add", "path": "/a/9", "value": 1}),
            json!({"op": "add", "path": "/x/y", "value": 1}),
            json!({"op": "add", "path": "/a"}),
            json!({"op": "replace", "path": "/x", "value": 1}),
            json!({"op": "test", "path": "/a/0", "value": 2}),
            json!({"op": "move", "from": "/a", "path": "/b"}),
            json!({"path": "/a"}),
            json!(7),
        ] {
            assert!(apply(before.clone(), &vec![wrong.clone()]).is_err(), "{wrong}");
        }
    }
}
