//! What the pages look like: the frame of all of them, and the parts that forms are made of.

use bytes::Bytes;
use connect::Body;
use http::{HeaderValue, Response, StatusCode, header};

use super::html::{Attributes, Html};
use super::policy::{Destinations, protect, set};
use super::{STYLE, Visit, csrf, texts::fill};
use crate::hydra::{Challenge, Url};

/// What installations of this are called, to the people who use them.
const BRAND: &str = "Akinai";

/// The name of the field that says which button was pressed.
pub(crate) const ACTION: &str = "action";

/// The value of [`ACTION`] for the button that says no.
pub(crate) const NO: &str = "no";

/// A page, before it is built.
pub(crate) struct Page<'a> {
    pub(crate) status: StatusCode,
    pub(crate) title: &'a str,
    /// Something is wrong with what was typed: the title says so, too, because it is what a screen reader says first.
    pub(crate) is_wrong: bool,
    pub(crate) destinations: Destinations,
}

impl Page<'_> {
    /// The response with this page, and `build` for what comes after the heading.
    pub(crate) fn show(self, visit: &Visit, build: impl FnOnce(&mut Html)) -> Response<Body> {
        let mut title = format!("{} - {BRAND}", self.title);
        if self.is_wrong {
            title = fill(visit.texts().error_prefix, &title);
        }
        let document = Html::document(|html| {
            html.element("html", &[("lang", visit.language.tag())], |html| {
                html.element("head", &[], |html| {
                    html.void("meta", &[("charset", "utf-8")]);
                    let viewport = "width=device-width, initial-scale=1";
                    html.void("meta", &[("name", "viewport"), ("content", viewport)]);
                    html.line("title", &[], &title);
                    html.void("link", &[("rel", "stylesheet"), ("href", STYLE)]);
                });
                html.element("body", &[], |html| {
                    html.element("main", &[], |html| {
                        html.line("p", &[("class", "brand")], BRAND);
                        html.line("h1", &[], self.title);
                        build(html);
                    });
                });
            });
        });
        let mut response = Response::new(Body::from(Bytes::new()));
        *response.status_mut() = self.status;
        set(&mut response, header::CONTENT_LENGTH, &document.len().to_string());
        set(&mut response, header::CONTENT_TYPE, "text/html; charset=utf-8");
        set(&mut response, header::CONTENT_LANGUAGE, visit.language.tag());
        protect(&mut response, &self.destinations);
        if let Ok(cookie) = HeaderValue::try_from(visit.nonce.cookie(visit.settings.is_secure)) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        *response.body_mut() = Body::from(Bytes::from(document));
        response
    }
}

/// Sends the browser on, with a GET whatever it came with (RFC 9700, section 4.12).
pub(crate) fn redirect(url: &Url) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::new()));
    *response.status_mut() = StatusCode::SEE_OTHER;
    protect(&mut response, &Destinations::default());
    set(&mut response, header::LOCATION, url.as_str());
    set(&mut response, header::REFERRER_POLICY, "no-referrer");
    set(&mut response, header::CONTENT_LENGTH, "0");
    response
}

/// A form of a page for a challenge. Browsers do not look into what is typed: we say what is wrong, in the page's language.
pub(crate) fn form(
    html: &mut Html,
    visit: &Visit,
    path: &'static str,
    challenge: &Challenge,
    build: impl FnOnce(&mut Html),
) {
    let attributes = [("method", "post"), ("action", path), ("novalidate", "")];
    html.element("form", &attributes, |html| {
        let field = visit.nonce.field(&visit.key, path, challenge);
        hidden(html, csrf::FIELD, &field);
        hidden(html, challenge.kind().parameter(), challenge.as_str());
        build(html);
    });
}

fn hidden(html: &mut Html, name: &'static str, value: &str) {
    html.void("input", &[("type", "hidden"), ("name", name), ("value", value)]);
}

/// Something that is wrong, or went wrong, with all of the page. Its id is `problem`.
pub(crate) fn problem(html: &mut Html, text: &str) {
    let attributes = [("id", "problem"), ("role", "alert"), ("class", "wrong")];
    html.line("p", &attributes, text);
}

/// A field to type into. Its id is its name.
pub(crate) struct Field<'a> {
    pub(crate) name: &'static str,
    pub(crate) label: &'a str,
    pub(crate) value: &'a str,
    pub(crate) kind: Kind,
    pub(crate) hint: Option<&'a str>,
    pub(crate) wrong: Wrong<'a>,
    /// Whether typing begins here. At most one field of a page has it.
    pub(crate) has_focus: bool,
}

/// What is typed into a field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Email,
    Name,
    OldPassword,
    NewPassword,
}

/// Whether something is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong<'a> {
    No,
    /// This.
    Here(&'a str),
    /// What [`problem`] says.
    Above,
}

impl Kind {
    /// `text` for addresses, too: browsers rewrite what is typed into a field for e-mail where it is not ASCII.
    fn attributes(self) -> Attributes<'static> {
        match self {
            Self::Email => &[
                ("type", "text"),
                ("inputmode", "email"),
                ("autocomplete", "username"),
                ("autocapitalize", "none"),
                ("spellcheck", "false"),
            ],
            Self::Name => &[("type", "text"), ("autocomplete", "name")],
            Self::OldPassword => &[("type", "password"), ("autocomplete", "current-password")],
            Self::NewPassword => &[("type", "password"), ("autocomplete", "new-password")],
        }
    }
}

impl Field<'_> {
    /// With its label before it, and what describes it after.
    pub(crate) fn show(&self, html: &mut Html) {
        let (hint, wrong) = (format!("{}-hint", self.name), format!("{}-wrong", self.name));
        let described = match (self.hint, self.wrong) {
            (_, Wrong::Above) => "problem".to_owned(),
            (Some(_), Wrong::Here(_)) => format!("{wrong} {hint}"),
            (None, Wrong::Here(_)) => wrong.clone(),
            (Some(_), Wrong::No) => hint.clone(),
            (None, Wrong::No) => String::new(),
        };
        let mut attributes = vec![("id", self.name), ("name", self.name)];
        attributes.extend(self.kind.attributes());
        if !self.value.is_empty() {
            attributes.push(("value", self.value));
        }
        if !described.is_empty() {
            attributes.push(("aria-describedby", &described));
        }
        if self.wrong != Wrong::No {
            attributes.push(("aria-invalid", "true"));
        }
        if self.has_focus {
            attributes.push(("autofocus", ""));
        }
        html.element("div", &[("class", "field")], |html| {
            html.line("label", &[("for", self.name)], self.label);
            html.void("input", &attributes);
            if let Wrong::Here(text) = self.wrong {
                html.line(
                    "p",
                    &[("id", &wrong), ("role", "alert"), ("class", "wrong")],
                    text,
                );
            }
            if let Some(text) = self.hint {
                html.line("p", &[("id", &hint), ("class", "hint")], text);
            }
        });
    }
}

/// A box to tick.
pub(crate) fn choice(html: &mut Html, name: &'static str, value: &str, id: &str, is_on: bool, label: &str) {
    html.element("div", &[("class", "choice")], |html| {
        let mut attributes = vec![("type", "checkbox"), ("id", id), ("name", name), ("value", value)];
        if is_on {
            attributes.push(("checked", ""));
        }
        html.void("input", &attributes);
        html.line("label", &[("for", id)], label);
    });
}

/// The two buttons of a form. The first one is what Enter presses.
pub(crate) fn buttons(html: &mut Html, yes: &str, no: &str) {
    html.line("button", &[("type", "submit")], yes);
    let other = [
        ("type", "submit"),
        ("name", ACTION),
        ("value", NO),
        ("class", "other"),
    ];
    html.line("button", &other, no);
}
