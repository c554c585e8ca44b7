//! HTML, made of elements whose names are ours and of texts that are anybody's. All of the latter is escaped: there is no way
//! to put a text into a page as markup.

/// A piece of HTML.
#[derive(Clone, Debug, Default)]
pub(crate) struct Html(String);

/// Names of attributes, which are ours, and their values, which may be anybody's.
pub(crate) type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Html {
    /// A document, of whatever `build` puts into it.
    pub(crate) fn document(build: impl FnOnce(&mut Self)) -> String {
        let mut html = Self("<!doctype html>".into());
        build(&mut html);
        html.0
    }

    /// An element and what is in it.
    pub(crate) fn element(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        build: impl FnOnce(&mut Self),
    ) {
        self.void(name, attributes);
        build(self);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    /// An element with nothing but a text in it.
    pub(crate) fn line(&mut self, name: &'static str, attributes: Attributes<'_>, text: &str) {
        self.element(name, attributes, |html| html.text(text));
    }

    /// An element that has no end tag, such as `input`.
    pub(crate) fn void(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.0.push('<');
        self.0.push_str(name);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            self.text(value);
            self.0.push('"');
        }
        self.0.push('>');
    }

    /// A text.
    pub(crate) fn text(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // No character of HTML (HTML, section 13.2.3.5): browsers read it in more than one way.
                '\0' => self.0.push('\u{fffd}'),
                // What turns a line around could make one address look like another (UAX #9).
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
                other => self.0.push(other),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_put_in_is_markup() {
        let attacks = [
            "<script>alert(1)</script>",
            "\"><img src=x onerror=alert(1)>",
            "' onfocus='alert(1)",
            "</textarea><svg/onload=alert(1)>",
            "&lt;b&gt; & \0",
            "<!-- --><![CDATA[",
        ];
        for attack in attacks {
            let page = Html::document(|html| {
                html.element("p", &[("title", attack)], |html| html.text(attack));
                html.line("b", &[], attack);
                html.void("input", &[("value", attack)]);
            });
            let body = page.strip_prefix("<!doctype html>").unwrap();
            let tags: Vec<_> = body.split('<').skip(1).collect();
            assert_eq!(tags.len(), 5, "p, /p, b, /b and input alone: {page}");
            assert_eq!(
                body.matches('"').count(),
                4,
                "two values, and nothing that ends them: {page}"
            );
            assert!(!body.contains(['\'', '\0']), "{page}");
        }
    }

    #[test]
    fn texts_are_what_they_were_to_whoever_reads_the_page() {
        let page = Html::document(|html| html.line("p", &[("lang", "ja")], "山田 & <花>"));
        assert_eq!(page, "<!doctype html><p lang=\"ja\">山田 &amp; &lt;花&gt;</p>");
        let page = Html::document(|html| html.text("bank\u{202e}moc.elpmaxe"));
        assert_eq!(page, "<!doctype html>bankmoc.elpmaxe", "nothing turns around");
    }
}
