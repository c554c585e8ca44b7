//! Finds the component that answers a path, by Spin's rules (its crates/routes) and with the same matcher, `routefinder`.
//!
//! The most specific pattern wins: an exact segment before a `:parameter`, a parameter before the trailing wildcard
//! `/...`, and a longer wildcard before a shorter one. Paths are compared as sent, without decoding, and a trailing
//! slash does not affect the match. Private routes are not included.

use http::HeaderValue;
use routefinder::{Captures, RouteSpec, Router as Finder};

use crate::manifest::{ComponentId, Route};

/// The routes of one application.
#[derive(Debug)]
pub struct Router<T> {
    finder: Finder<PublicRoute<T>>,
}

/// A matched route, with the parts of the path that its pattern captured.
#[derive(Debug)]
pub struct RouteMatch<'r, 'p, T> {
    /// The route as written in the manifest.
    pub route: &'r PublicRoute<T>,
    captures: Captures<'r, 'p>,
    path: &'p str,
}

/// A pattern of the manifest, and its target.
#[derive(Debug)]
pub struct PublicRoute<T> {
    /// The target, such as a component.
    pub target: T,
    /// The pattern in its forms for the guest.
    pub names: RouteNames,
}

/// A route's pattern in its forms for the guest.
#[derive(Debug, Clone)]
pub struct RouteNames {
    /// The pattern after Spin's normalization: one leading slash, no trailing one.
    pub matched: HeaderValue,
    /// The pattern as written.
    pub raw: HeaderValue,
    /// The pattern as written, without its trailing `/...`.
    pub prefix: HeaderValue,
}

impl RouteNames {
    /// The names of the route in the headers of a chained call: `/...`.
    pub fn chained() -> Self {
        let wildcard = HeaderValue::from_static("/...");
        Self {
            matched: wildcard.clone(),
            raw: wildcard,
            prefix: HeaderValue::from_static(""),
        }
    }

    fn new(raw: &str) -> Result<Self, http::header::InvalidHeaderValue> {
        Ok(Self {
            matched: HeaderValue::from_str(&normalized(raw))?,
            raw: HeaderValue::from_str(raw)?,
            prefix: HeaderValue::from_str(raw.strip_suffix("/...").unwrap_or(raw))?,
        })
    }
}

/// A route that can never be matched, because another route has the same pattern.
#[derive(Debug, PartialEq, Eq)]
pub struct Shadowed {
    /// The common pattern.
    pub pattern: String,
    /// The component of the route that is never matched.
    pub component: ComponentId,
}

/// An invalid pattern.
#[derive(Debug, thiserror::Error)]
#[error("route {pattern:?} of component {component}: {problem}")]
pub struct RouteError {
    pattern: String,
    component: ComponentId,
    problem: String,
}

impl<T> Router<T> {
    /// Builds the router from triggers in the order of the manifest. `target` creates the target of a route.
    ///
    /// Of several routes with the same pattern, the last one counts. The others are returned.
    ///
    /// # Errors
    /// [`RouteError`] for a pattern that cannot be parsed.
    pub fn new<'m>(
        triggers: impl IntoIterator<Item = (&'m Route, &'m ComponentId)>,
        target: impl Fn(&ComponentId) -> T,
    ) -> Result<(Self, Vec<Shadowed>), RouteError> {
        let mut effective: Vec<(&str, &ComponentId)> = Vec::new();
        let mut shadowed = Vec::new();
        for (route, component) in triggers {
            let Route::Public(pattern) = route else { continue };
            match effective.iter_mut().find(|(known, _)| known == pattern) {
                None => effective.push((pattern, component)),
                Some((_, earlier)) => {
                    shadowed.push(Shadowed {
                        pattern: pattern.clone(),
                        component: earlier.clone(),
                    });
                    *earlier = component;
                }
            }
        }

        let mut finder = Finder::new();
        for (pattern, component) in effective {
            let refuse = |problem| RouteError {
                pattern: pattern.to_owned(),
                component: component.clone(),
                problem,
            };
            let names = RouteNames::new(pattern).map_err(|error| refuse(error.to_string()))?;
            let spec = spec(&normalized(pattern)).map_err(refuse)?;
            finder
                .add(
                    spec,
                    PublicRoute {
                        target: target(component),
                        names,
                    },
                )
                .unwrap_or_else(|never| match never {});
        }
        Ok((Self { finder }, shadowed))
    }

    /// The route that answers `path`, if any.
    pub fn route<'r, 'p>(&'r self, path: &'p str) -> Option<RouteMatch<'r, 'p, T>> {
        let best = self.finder.best_match(path)?;
        Some(RouteMatch {
            route: best.handler(),
            captures: best.captures(),
            path,
        })
    }
}

impl<T> RouteMatch<'_, '_, T> {
    /// The values of the pattern's `:parameters`, by name.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.captures.iter()
    }

    /// The part that the trailing wildcard matched, with its leading slash, and with a trailing slash if the path has
    /// one.
    pub fn trailing(&self) -> String {
        let slash = |present| if present { "/" } else { "" };
        match self.captures.wildcard() {
            None => String::new(),
            // The matcher removes the path's trailing slash. Spin adds it again.
            Some(rest) => format!(
                "{}{rest}{}",
                slash(!rest.is_empty()),
                slash(self.path.ends_with('/'))
            ),
        }
    }
}

/// Adds a leading slash and removes one trailing slash: Spin's `sanitize_with_base` with the base `/`.
fn normalized(pattern: &str) -> String {
    let slash = if pattern.starts_with('/') { "" } else { "/" };
    let absolute = format!("{slash}{pattern}");
    absolute.strip_suffix('/').map(str::to_owned).unwrap_or(absolute)
}

fn spec(normalized: &str) -> Result<RouteSpec, String> {
    match normalized.strip_suffix("/...") {
        Some(prefix) => format!("{prefix}/*").try_into(),
        None => normalized.try_into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(routes: &[(&str, &str)]) -> (Router<String>, Vec<Shadowed>) {
        let parsed: Vec<(Route, ComponentId)> = routes
            .iter()
            .map(|(id, pattern)| {
                let route = if *pattern == "private" {
                    Route::Private
                } else {
                    Route::Public((*pattern).into())
                };
                (
                    route,
                    ComponentId::try_from((*id).to_owned()).expect("a component id"),
                )
            })
            .collect();
        Router::new(parsed.iter().map(|(route, id)| (route, id)), |id| id.to_string())
            .expect("routes that parse")
    }

    /// Each row: the place in Spin's crates/routes/src/lib.rs, the routes, then paths and their components.
    type Row = (
        &'static str,
        &'static [(&'static str, &'static str)],
        &'static [(&'static str, Option<&'static str>)],
    );

    const ROWS: &[Row] = &[
        (
            "test_router_exact",
            &[("foo", "/foo"), ("foobar", "/foo/bar")],
            &[
                ("/foo", Some("foo")),
                ("/foo/bar", Some("foobar")),
                ("/foo/baz", None),
                ("/", None),
            ],
        ),
        (
            "test_router_wildcard",
            &[("all", "/...")],
            &[
                ("/foo/bar", Some("all")),
                ("/abc/", Some("all")),
                ("/", Some("all")),
                ("/this/should/be/captured?abc=def", Some("all")),
            ],
        ),
        (
            "test_router_respects_longest_match",
            &[
                ("one", "/one/..."),
                ("two", "/one/two/..."),
                ("three", "/one/two/three/..."),
            ],
            &[
                ("/one/two/three/four", Some("three")),
                ("/one/two/four", Some("two")),
                ("/one", Some("one")),
            ],
        ),
        (
            "test_router_respects_longest_match (regardless of order)",
            &[
                ("three", "/one/two/three/..."),
                ("two", "/one/two/..."),
                ("one", "/one/..."),
            ],
            &[("/one/two/three/four", Some("three"))],
        ),
        (
            "test_router_exact_beats_wildcard",
            &[("exact", "/one"), ("wild", "/...")],
            &[
                ("/one", Some("exact")),
                ("/one/", Some("exact")),
                ("/two", Some("wild")),
            ],
        ),
        (
            "sensible_routes_are_reachable",
            &[
                ("root", "/"),
                ("foo", "/foo"),
                ("bar", "/bar"),
                ("whee", "/whee/..."),
            ],
            &[
                ("/", Some("root")),
                ("/foo", Some("foo")),
                ("/bar", Some("bar")),
                ("/whee/x", Some("whee")),
            ],
        ),
        (
            "duplicate_routes_last_one_wins",
            &[("first", "/foo"), ("second", "/foo")],
            &[("/foo", Some("second"))],
        ),
        (
            "unroutable_routes_are_skipped",
            &[("root", "/"), ("hidden", "private")],
            &[("/", Some("root")), ("/hidden", None)],
        ),
        (
            "named_wildcard_is_captured; an exact segment beats a parameter (routefinder's order)",
            &[("named", "/1/:two/3"), ("exact", "/1/2/3")],
            &[
                ("/1/2/3", Some("exact")),
                ("/1/x/3", Some("named")),
                ("/1/x/4", None),
            ],
        ),
        (
            "sanitize_with_base: a missing leading slash is added, one trailing slash dropped",
            &[("bare", "bare"), ("slashed", "/slashed/")],
            &[
                ("/bare", Some("bare")),
                ("/slashed", Some("slashed")),
                ("/slashed/", Some("slashed")),
            ],
        ),
        (
            "parse_route: /* is a trailing wildcard too",
            &[("star", "/star/*")],
            &[("/star/x/y", Some("star"))],
        ),
        (
            "route: paths are matched as sent, not decoded",
            &[("plain", "/a b"), ("coded", "/a%20b")],
            &[("/a%20b", Some("coded"))],
        ),
    ];

    #[test]
    fn routes_as_spin_does() {
        for (place, routes, paths) in ROWS {
            let (router, _) = router(routes);
            for (path, expected) in *paths {
                let found = router.route(path).map(|found| found.route.target.as_str());
                assert_eq!(found, *expected, "{place}: {path} over {routes:?}");
            }
        }
    }

    /// Each row: the place in Spin's crates/routes/src/lib.rs, the pattern, the path, the wildcard's value.
    const TRAILING: &[(&str, &str, &str, &str)] = &[
        ("trailing_wildcard_is_captured", "/...", "/1/2/3", "/1/2/3"),
        ("trailing_wildcard_is_captured", "/1/...", "/1/2/3", "/2/3"),
        (
            "trailing_wildcard_respects_trailing_slash",
            "/test/...",
            "/test",
            "",
        ),
        (
            "trailing_wildcard_respects_trailing_slash",
            "/test/...",
            "/test/",
            "/",
        ),
        (
            "trailing_wildcard_respects_trailing_slash",
            "/test/...",
            "/test/hello",
            "/hello",
        ),
        (
            "trailing_wildcard_respects_trailing_slash",
            "/test/...",
            "/test/hello/",
            "/hello/",
        ),
        ("trailing_wildcard (no wildcard)", "/exact", "/exact", ""),
    ];

    #[test]
    fn trailing_wildcards_are_captured_as_spin_does() {
        for (place, pattern, path, expected) in TRAILING {
            let (router, _) = router(&[("all", pattern)]);
            let found = router.route(path).expect("the pattern matches the path");
            assert_eq!(found.trailing(), *expected, "{place}: {path} over {pattern}");
        }
    }

    #[test]
    fn named_parameters_are_captured() {
        let (router, _) = router(&[("all", "/1/:two/...")]);
        let found = router.route("/1/2/3").expect("the pattern matches the path");
        assert_eq!(found.parameters().collect::<Vec<_>>(), [("two", "2")]);
    }

    #[test]
    fn route_that_can_never_match_is_reported() {
        let (_, shadowed) = router(&[("first", "/foo"), ("second", "/foo")]);
        let first = ComponentId::try_from("first".to_owned()).expect("a component id");
        assert_eq!(
            shadowed,
            [Shadowed {
                pattern: "/foo".into(),
                component: first
            }]
        );
    }
}
