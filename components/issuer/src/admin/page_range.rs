//! Pages of lists: Hydra's `page_size` and `page_token`, and the header `Link` (RFC 8288).

use connect::Body;
use http::{Response, StatusCode, header};
use serde::Serialize;

use super::{Refusal, Result};
use crate::domain::parameters::{Parameters, with_query};
use crate::request::HttpRequest;
use crate::response::{json, set};

/// The number of items to list, and the first one.
pub(super) struct PageRange {
    size: i64,
    /// The list begins after the item with this id.
    pub(super) after: String,
}

impl PageRange {
    /// Reads `page_size` (1 to 500, by default 250) and `page_token`.
    pub(super) fn of(query: &Parameters) -> Result<Self> {
        let size = query.get("page_size").map_or(Ok(250), str::parse::<i64>);
        let size = size.map_err(|_| Refusal::Invalid("page_size must be a number from 1 to 500".into()))?;
        Ok(Self {
            size: size.clamp(1, 500),
            after: query.get("page_token").unwrap_or_default().to_owned(),
        })
    }

    /// One more than the page has, to find out whether there is another page.
    pub(super) fn limit(&self) -> i64 {
        self.size + 1
    }

    /// Cuts the found items to a page; the second value is the header `Link` to the next page, if there is one.
    pub(super) fn cut<T>(
        &self,
        request: &HttpRequest,
        query: &Parameters,
        mut found: Vec<T>,
        id: impl Fn(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        if found.len() <= size {
            return (found, None);
        }
        found.truncate(size);
        let last = found.last().map(id).unwrap_or_default();
        let rest = query.without(&["page_token"]).to_query();
        let base = match rest.is_empty() {
            true => request.path().to_owned(),
            false => format!("{}?{rest}", request.path()),
        };
        let next = with_query(&base, [("page_token", last.as_str())]);
        (found, Some(format!("<{next}>; rel=\"next\"")))
    }
}

/// The response with one page.
pub(super) fn page(items: &[impl Serialize], next: Option<&str>) -> Response<Body> {
    let mut response = json(StatusCode::OK, &items);
    if let Some(next) = next {
        set(&mut response, header::LINK, next);
    }
    response
}
