//! The frame of all pages, and the parts of forms.

use bytes::Bytes;
use connect::Body;
use http::{HeaderValue, Response, StatusCode, header};
use maud::{DOCTYPE, Markup, html};

use super::policy::{FormDestinations, protect, set};
use super::visit::Visit;
use super::{STYLE, csrf, texts::fill};
use crate::login::hydra::{RedirectUrl, RequestChallenge};

/// The name of the platform, for the people who use it.
const BRAND: &str = "Akinai";

/// The field of a form that has the name of the pressed button.
pub(crate) const ACTION: &str = "action";

/// The value of [`ACTION`] for the button that refuses.
pub(crate) const REFUSE: &str = "no";

/// The frame of a page.
pub(crate) struct HtmlPage<'a> {
    pub(crate) status: StatusCode,
    pub(crate) title: &'a str,
    /// Whether the form has errors. Then the title contains that, too, because a screen reader reads the title first.
    pub(crate) is_wrong: bool,
    pub(crate) destinations: FormDestinations,
}

impl HtmlPage<'_> {
    /// The response with this page. `content` comes after the heading.
    pub(crate) fn respond(self, visit: &Visit, content: &Markup) -> Response<Body> {
        let mut title = format!("{} - {BRAND}", self.title);
        if self.is_wrong {
            title = fill(visit.texts().error_prefix, &title);
        }
        let document = finish(html! {
            (DOCTYPE)
            html lang=(visit.language.tag()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (title) }
                    link rel="stylesheet" href=(STYLE);
                }
                body {
                    main {
                        p class="brand" { (BRAND) }
                        h1 { (self.title) }
                        (content)
                    }
                }
            }
        });
        let length = document.len().to_string();
        let mut response = Response::new(Body::from(Bytes::from(document)));
        *response.status_mut() = self.status;
        set(&mut response, header::CONTENT_LENGTH, &length);
        set(&mut response, header::CONTENT_TYPE, "text/html; charset=utf-8");
        set(&mut response, header::CONTENT_LANGUAGE, visit.language.tag());
        protect(&mut response, &self.destinations);
        if let Ok(cookie) = HeaderValue::try_from(visit.nonce.cookie(visit.settings.is_secure)) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// The text of a document. maud has escaped the texts in it. In addition, this function handles characters anywhere in
/// it that mislead browsers or readers.
fn finish(document: Markup) -> String {
    let document = document.into_string();
    let mut finished = String::with_capacity(document.len());
    for character in document.chars() {
        match character {
            '\'' => finished.push_str("&#39;"),
            // NUL is not a valid HTML character (HTML, section 13.2.3.5), and browsers handle it in different ways.
            '\0' => finished.push('\u{fffd}'),
            // Characters that reorder a line could make one address look like another (UAX #9).
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            other => finished.push(other),
        }
    }
    finished
}

/// Redirects the browser, with a GET for any method of its request (RFC 9700, section 4.12).
pub(crate) fn redirect(url: &RedirectUrl) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::new()));
    *response.status_mut() = StatusCode::SEE_OTHER;
    protect(&mut response, &FormDestinations::default());
    set(&mut response, header::LOCATION, url.as_str());
    set(&mut response, header::REFERRER_POLICY, "no-referrer");
    set(&mut response, header::CONTENT_LENGTH, "0");
    response
}

/// The form of the page at `path` for a challenge. Browsers do not validate the fields: the page reports errors in its
/// own language.
pub(crate) fn form(
    visit: &Visit,
    path: &'static str,
    challenge: &RequestChallenge,
    content: &Markup,
) -> Markup {
    let csrf = visit.nonce.field(&visit.key, path, challenge);
    html! {
        form method="post" action=(path) novalidate {
            input type="hidden" name=(csrf::FIELD) value=(csrf);
            input type="hidden" name=(challenge.kind().parameter()) value=(challenge.as_str());
            (content)
        }
    }
}

/// A message about a whole form that is wrong or has failed. Its id is `problem`.
pub(crate) fn problem(text: &str) -> Markup {
    html! { p id="problem" role="alert" class="wrong" { (text) } }
}

/// A text field. Its id is its name.
pub(crate) struct InputField<'a> {
    pub(crate) name: &'static str,
    pub(crate) label: &'a str,
    pub(crate) value: &'a str,
    pub(crate) kind: FieldKind,
    pub(crate) hint: Option<&'a str>,
    pub(crate) error: FieldError<'a>,
    /// Whether the field has the focus when the page opens. At most one field of a page has it.
    pub(crate) has_focus: bool,
}

/// The content of a field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FieldKind {
    Email,
    Name,
    CurrentPassword,
    NewPassword,
}

/// The error of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldError<'a> {
    None,
    /// This text, below the field.
    Here(&'a str),
    /// The text of [`problem`].
    Above,
}

/// The attributes of an `input` for a kind of field.
struct InputAttributes {
    kind: &'static str,
    autocomplete: &'static str,
    /// `inputmode`, `autocapitalize` and `spellcheck`.
    typing: [Option<&'static str>; 3],
}

impl FieldKind {
    /// The type of an e-mail address is `text`: browsers rewrite addresses in fields of the type `email` if they are not ASCII.
    fn attributes(self) -> InputAttributes {
        let (kind, autocomplete, typing) = match self {
            Self::Email => ("text", "username", [Some("email"), Some("none"), Some("false")]),
            Self::Name => ("text", "name", [None; 3]),
            Self::CurrentPassword => ("password", "current-password", [None; 3]),
            Self::NewPassword => ("password", "new-password", [None; 3]),
        };
        InputAttributes {
            kind,
            autocomplete,
            typing,
        }
    }
}

impl InputField<'_> {
    /// The field, with its label before it and its error and hint after it.
    pub(crate) fn render(&self) -> Markup {
        let (hint_id, error_id) = (format!("{}-hint", self.name), format!("{}-wrong", self.name));
        let described_by = match (self.hint, self.error) {
            (_, FieldError::Above) => Some("problem".to_owned()),
            (Some(_), FieldError::Here(_)) => Some(format!("{error_id} {hint_id}")),
            (None, FieldError::Here(_)) => Some(error_id.clone()),
            (Some(_), FieldError::None) => Some(hint_id.clone()),
            (None, FieldError::None) => None,
        };
        let value = Some(self.value).filter(|value| !value.is_empty());
        let invalid = (self.error != FieldError::None).then_some("true");
        let input = self.kind.attributes();
        let [inputmode, autocapitalize, spellcheck] = input.typing;
        html! {
            div class="field" {
                label for=(self.name) { (self.label) }
                input id=(self.name) name=(self.name) type=(input.kind) inputmode=[inputmode]
                    autocomplete=(input.autocomplete) autocapitalize=[autocapitalize] spellcheck=[spellcheck]
                    value=[value] aria-describedby=[described_by] aria-invalid=[invalid]
                    autofocus[self.has_focus];
                @if let FieldError::Here(text) = self.error {
                    p id=(error_id) role="alert" class="wrong" { (text) }
                }
                @if let Some(text) = self.hint {
                    p id=(hint_id) class="hint" { (text) }
                }
            }
        }
    }
}

/// A checkbox. Several may have the same name.
pub(crate) struct Checkbox<'a> {
    pub(crate) name: &'static str,
    pub(crate) value: &'a str,
    pub(crate) id: &'a str,
    pub(crate) is_checked: bool,
    pub(crate) label: &'a str,
}

impl Checkbox<'_> {
    pub(crate) fn render(&self) -> Markup {
        html! {
            div class="choice" {
                input type="checkbox" id=(self.id) name=(self.name) value=(self.value) checked[self.is_checked];
                label for=(self.id) { (self.label) }
            }
        }
    }
}

/// The two buttons of a form. The Enter key presses the first one.
pub(crate) fn buttons(accept: &str, refuse: &str) -> Markup {
    html! {
        button type="submit" { (accept) }
        button type="submit" name=(ACTION) value=(REFUSE) class="other" { (refuse) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        let attacks = [
            "<script>alert(1)</script>",
            "\"><img src=x onerror=alert(1)>",
            "' onfocus='alert(1)",
            "</textarea><svg/onload=alert(1)>",
            "&lt;b&gt; & \0",
            "<!-- --><![CDATA[",
        ];
        for attack in attacks {
            let body = finish(html! {
                p title=(attack) { (attack) }
                b { (attack) }
                input value=(attack);
            });
            let tags: Vec<_> = body.split('<').skip(1).collect();
            assert_eq!(tags.len(), 5, "p, /p, b, /b and input alone: {body}");
            assert_eq!(
                body.matches('"').count(),
                4,
                "two values, and no quotation mark within them: {body}"
            );
            assert!(!body.contains(['\'', '\0']), "{body}");
        }
    }

    #[test]
    fn texts_are_escaped_and_lose_characters_that_reorder_a_line() {
        let page = finish(html! { p lang="ja" { ("山田 & <花>") } });
        assert_eq!(page, "<p lang=\"ja\">山田 &amp; &lt;花&gt;</p>");
        let page = finish(html! { ("bank\u{202e}moc.elpmaxe") });
        assert_eq!(page, "bankmoc.elpmaxe");
    }
}
