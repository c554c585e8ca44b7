//! Parses the forms of a page, so that a program can fill them in: the fields, their values, and the button that
//! agrees.

use std::collections::BTreeMap;

/// Words in the name or the value of a button that refuses.
const REFUSALS: [&str; 6] = ["deny", "reject", "refuse", "cancel", "decline", "disallow"];

/// A form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HtmlForm {
    /// The address in the form. Empty for the page's own address.
    pub action: String,
    /// Whether the method is `POST`.
    pub is_post: bool,
    controls: Vec<Control>,
}

/// A field or a button.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Control {
    kind: String,
    name: String,
    value: String,
    is_checked: bool,
    is_new_password: bool,
}

impl Control {
    fn is_submit(&self) -> bool {
        matches!(self.kind.as_str(), "submit" | "image")
    }

    fn is_choice(&self) -> bool {
        matches!(self.kind.as_str(), "checkbox" | "radio")
    }

    fn refuses(&self) -> bool {
        let text = format!("{} {}", self.name, self.value).to_lowercase();
        REFUSALS.iter().any(|word| text.contains(word)) || self.value.eq_ignore_ascii_case("no")
    }
}

/// A field's name and value.
pub type Field = (String, String);

impl HtmlForm {
    /// Whether it is a form for signing in: one password, and not a new one.
    pub fn is_login(&self) -> bool {
        let mut passwords = self.controls.iter().filter(|control| control.kind == "password");
        let is_known = passwords.next().is_some_and(|control| !control.is_new_password);
        self.is_post && is_known && passwords.next().is_none()
    }

    /// Whether the form asks the user for a decision of the authorization flow, and has a button that agrees.
    pub fn is_question(&self) -> bool {
        let asks = |control: &Control| control.kind == "hidden" && control.name.contains("challenge");
        self.is_post
            && self.controls.iter().any(asks)
            && !self.controls.iter().any(|control| control.kind == "password")
            && (self.yes().is_some() || !self.controls.iter().any(Control::is_submit))
    }

    /// The fields that a user sends to sign in.
    pub fn signed_in(&self, email: &str, password: &str) -> Vec<Field> {
        let is_text = |control: &&Control| matches!(control.kind.as_str(), "text" | "email");
        let named = self
            .controls
            .iter()
            .filter(is_text)
            .map(|control| control.name.as_str())
            .next();
        self.fields(|control| match control.kind.as_str() {
            "password" => Some(password.to_owned()),
            _ if Some(control.name.as_str()) == named => Some(email.to_owned()),
            _ => None,
        })
    }

    /// The fields that a user sends to grant the `wanted` scopes, with all other fields unchanged.
    pub fn granted(&self, wanted: &[String]) -> Vec<Field> {
        self.fields(|control| {
            let grants = control.is_choice() && wanted.contains(&control.value);
            grants.then(|| control.value.clone())
        })
    }

    /// The fields that a browser would send, with the values of `fill` in place of the form's own, and the button that
    /// agrees.
    fn fields(&self, fill: impl Fn(&Control) -> Option<String>) -> Vec<Field> {
        let yes = self.yes();
        let value = |control: &Control| match fill(control) {
            Some(value) => Some(value),
            None if control.is_submit() => Some(control.value.clone()).filter(|_| Some(control) == yes),
            None if control.is_choice() => Some(control.value.clone()).filter(|_| control.is_checked),
            None => Some(control.value.clone()),
        };
        self.controls
            .iter()
            .filter(|control| !control.name.is_empty())
            .filter_map(|control| Some((control.name.clone(), value(control)?)))
            .collect()
    }

    fn yes(&self) -> Option<&Control> {
        self.controls
            .iter()
            .find(|control| control.is_submit() && !control.refuses())
    }
}

/// All forms of a page. Unknown elements are ignored.
pub fn forms(html: &str) -> Vec<HtmlForm> {
    let mut forms = Vec::new();
    let mut open: Option<HtmlForm> = None;
    for tag in tags(html) {
        match (tag.name.as_str(), &mut open) {
            ("form", _) => {
                forms.extend(open.take());
                open = Some(HtmlForm {
                    action: tag.attribute("action").trim().to_owned(),
                    is_post: tag.attribute("method").eq_ignore_ascii_case("post"),
                    controls: Vec::new(),
                });
            }
            ("/form", _) => forms.extend(open.take()),
            ("input" | "button" | "textarea", Some(form)) if !tag.has("disabled") => {
                form.controls.extend(control(&tag))
            }
            _ => {}
        }
    }
    forms.extend(open);
    forms
}

fn control(tag: &Tag) -> Option<Control> {
    let kind = tag.attribute("type").to_ascii_lowercase();
    let kind = match (tag.name.as_str(), kind.as_str()) {
        ("button", "") => "submit",
        ("textarea", _) | ("input", "") => "text",
        (_, "button" | "reset" | "file") => return None,
        (_, kind) => kind,
    };
    let is_choice = matches!(kind, "checkbox" | "radio");
    let value = tag.attribute("value");
    Some(Control {
        kind: kind.to_owned(),
        name: tag.attribute("name").to_owned(),
        value: if is_choice && !tag.has("value") {
            "on"
        } else {
            value
        }
        .to_owned(),
        is_checked: tag.has("checked"),
        is_new_password: tag.attribute("autocomplete") == "new-password",
    })
}

/// The message of a page for the user: the text of its first element with the role `alert`. Without one: its first
/// heading and the text after it, shortened.
pub fn message(html: &str) -> Option<String> {
    const LONGEST: usize = 300;
    let tags: Vec<Tag> = tags(html).collect();
    let alert = tags.iter().find(|tag| tag.attribute("role") == "alert");
    let (from, until) = match (alert, tags.iter().find(|tag| tag.name == "h1")) {
        (Some(alert), _) => {
            let closing = format!("/{}", alert.name);
            let close = tags
                .iter()
                .find(|tag| tag.start > alert.start && tag.name == closing);
            (alert.end, close.map_or(html.len(), |close| close.start))
        }
        (None, Some(heading)) => (heading.end, html.len()),
        (None, None) => return None,
    };
    let mut text = String::new();
    let mut at = from;
    for tag in tags.iter().filter(|tag| tag.start >= from && tag.end <= until) {
        text.push_str(html.get(at..tag.start).unwrap_or_default());
        text.push(' ');
        at = tag.end;
    }
    text.push_str(html.get(at..until).unwrap_or_default());
    let text = unescaped(&text);
    let words: Vec<&str> = text.split_whitespace().collect();
    let text: String = words.join(" ").chars().take(LONGEST).collect();
    (!text.is_empty()).then_some(text)
}

/// A tag: `form`, `/form`, with its attributes and its position.
struct Tag {
    name: String,
    attributes: BTreeMap<String, String>,
    start: usize,
    end: usize,
}

impl Tag {
    fn has(&self, name: &str) -> bool {
        self.attributes.contains_key(name)
    }

    fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

/// The tags of a page, in their order. A comment is one tag, and so is a script or a style with its content.
fn tags(html: &str) -> impl Iterator<Item = Tag> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + html[at..].find('<')?;
        let rest = &html[start..];
        let tag = if rest.starts_with("<!--") {
            let end = rest.find("-->").map_or(html.len(), |end| start + end + 3);
            Tag {
                name: "!--".into(),
                attributes: BTreeMap::new(),
                start,
                end,
            }
        } else {
            read_tag(html, start)
        };
        at = tag.end;
        Some(tag)
    })
}

fn read_tag(html: &str, start: usize) -> Tag {
    let mut rest = &html[start + 1..];
    let end_of_name = rest
        .find(|c: char| c.is_whitespace() || c == '>')
        .unwrap_or(rest.len());
    let name = rest[..end_of_name].trim_end_matches('/').to_ascii_lowercase();
    rest = &rest[end_of_name..];
    let mut attributes = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() || rest.starts_with('>') {
            break;
        }
        let (name, value, after) = read_attribute(rest);
        // The first attribute of a name counts.
        attributes.entry(name).or_insert(value);
        rest = after;
    }
    let mut end = html.len() - rest.len() + usize::from(!rest.is_empty());
    if matches!(name.as_str(), "script" | "style") {
        let close = format!("</{name}");
        let lower = html[end..].to_ascii_lowercase();
        end = lower.find(&close).map_or(html.len(), |close| end + close);
    }
    Tag {
        name,
        attributes,
        start,
        end,
    }
}

/// Reads name and value, and returns the rest too. `text` begins with a character that is neither white space nor `/`
/// nor `>`.
fn read_attribute(text: &str) -> (String, String, &str) {
    let ends_name = |&(at, c): &(usize, char)| at > 0 && (c.is_whitespace() || matches!(c, '=' | '>' | '/'));
    let end = text
        .char_indices()
        .find(ends_name)
        .map_or(text.len(), |(at, _)| at);
    let name = text[..end].to_ascii_lowercase();
    let after = text[end..].trim_start();
    let Some(value) = after.strip_prefix('=').map(str::trim_start) else {
        return (name, String::new(), &text[end..]);
    };
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    let (value, after) = match quote {
        Some(quote) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
        None => value.split_at(
            value
                .find(|c: char| c.is_whitespace() || c == '>')
                .unwrap_or(value.len()),
        ),
    };
    (name, unescaped(value), after)
}

/// Replaces the character references that pages use for escaping. Other references stay as they are.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let reference = rest[1..]
            .split_once(';')
            .and_then(|(name, after)| Some((character(name)?, after)));
        match reference {
            Some((c, after)) => {
                plain.push(c);
                rest = after;
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain + rest
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: &str = r#"<!doctype html><html lang=en><head><style>form > input { color: red }</style>
        <script>document.write("<form action=/evil method=post><input type=password name=x></form>")</script></head><body>
        <!-- <form action="/commented" method="post"><input type="password" name="p"></form> -->
        <form action="/search"><input name="q"></form>
        <h1>Sign in</h1>
        <form method="POST" action='/oauth2/login?a=1&amp;b=2'>
          <input type="hidden" name="login_challenge" value="c&quot;&#x41;&#66;&unknown;"/>
          <input type=hidden name=csrf value=abc/def=>
          <label>E-mail <input type="email" name="email" value="" required autofocus></label>
          <label>Password <INPUT NAME="password" TYPE="password" autocomplete="current-password"></label>
          <input type="checkbox" name="remember" value="yes">
          <input type="text" name="off" value="x" disabled>
          <button type="submit" name="action" value="cancel">Cancel</button>
          <button name="action" value="sign-in">Sign in</button>
        </form>
        <form method="post" action="/sign-up"><input type="email" name="email"><input type="password" autocomplete="new-password" name="p"></form>
        </body></html>"#;

    fn fields(list: &[(&str, &str)]) -> Vec<Field> {
        list.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn login_form_is_found_among_others_and_filled_in() {
        let forms = forms(LOGIN);
        let logins: Vec<&HtmlForm> = forms.iter().filter(|form| form.is_login()).collect();
        let [login] = logins[..] else {
            panic!("one form is for signing in: {forms:?}");
        };
        assert_eq!(login.action, "/oauth2/login?a=1&b=2");
        let expected = [
            ("login_challenge", "c\"AB&unknown;"),
            ("csrf", "abc/def="),
            ("email", "mina@example.com"),
            ("password", "a & b"),
            ("action", "sign-in"),
        ];
        assert_eq!(login.signed_in("mina@example.com", "a & b"), fields(&expected));
    }

    #[test]
    fn wanted_scopes_are_granted_and_other_fields_are_unchanged() {
        let html = r#"<form method=post><input type=hidden name=consent_challenge value=x>
            <button name="decision" value="deny">No</button>
            <input type=checkbox name=scope value=openid checked><input type=checkbox name=scope value=admin>
            <input type=checkbox name=scope value=email><input type=checkbox name=remember>
            <button name="decision" value="allow">Yes</button></form>"#;
        let forms = forms(html);
        assert!(forms[0].is_question() && !forms[0].is_login());
        let expected = [
            ("consent_challenge", "x"),
            ("scope", "openid"),
            ("scope", "admin"),
            ("decision", "allow"),
        ];
        assert_eq!(
            forms[0].granted(&["openid".into(), "admin".into()]),
            fields(&expected)
        );
    }

    #[test]
    fn form_with_only_a_refusing_button_is_not_a_question() {
        let html = "<form method=post action=/no><input type=hidden name=consent_challenge value=x>\
                    <button name=a value=reject>No</button></form>";
        assert!(!forms(html)[0].is_question());
        let plain = "<form method=post><input type=hidden name=logout_challenge value=x><input type=submit value=Yes></form>";
        assert!(forms(plain)[0].is_question());
        assert!(
            !forms("<form><input type=hidden name=a_challenge></form>")[0].is_question(),
            "a GET form asks for no decision"
        );
    }

    #[test]
    fn error_message_of_a_page_is_read() {
        let page = r#"<h1>Sign in</h1><div class=x role="alert"><p>Wrong e-mail <b>or</b>
            password &amp; so on.</p></div><p>More</p>"#;
        assert_eq!(
            message(page).as_deref(),
            Some("Wrong e-mail or password & so on.")
        );
        let page = "<title>x</title><h1>Too late</h1><p>Begin again.</p><script>a < b</script>";
        assert_eq!(message(page).as_deref(), Some("Too late Begin again."));
        assert_eq!(message("plain"), None);
        assert_eq!(message("<div role=alert></div>"), None);
    }

    #[test]
    fn any_page_is_parsed_without_a_panic() {
        let mut texts: Vec<String> = [
            "<",
            "<>",
            "</",
            "<form",
            "<form action",
            "<form action=",
            "<form action=\"",
            "<input =x>",
            "<!--",
            "<script>",
            "<商 品='値'>",
            "<a ==>",
            "&",
            "&#;",
            "&#xffffffff;",
            "<form/><input/name=a/value=b/>",
            "<p role=alert>",
        ]
        .map(str::to_owned)
        .into();
        texts.extend((0..LOGIN.len()).filter_map(|end| LOGIN.get(..end).map(str::to_owned)));
        for text in texts {
            let _ = (forms(&text), message(&text));
        }
    }
}
