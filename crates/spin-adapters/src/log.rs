//! The log: lines on standard error, which the host writes to its log with the component's name.

use std::fmt;

use web::request_id::RequestIds;

/// A failure that an operator has to investigate. The client got the code and the request id, but no cause.
pub fn error(ids: RequestIds<'_>, cause: impl fmt::Display) {
    eprintln!("{}", line("ERROR", ids, cause));
}

/// An event that may interest an operator and requires no action.
pub fn info(ids: RequestIds<'_>, event: impl fmt::Display) {
    eprintln!("{}", line("INFO", ids, event));
}

/// One line, even if the cause has line breaks: otherwise a client's text could look like a line of the log.
fn line(level: &str, ids: RequestIds<'_>, cause: impl fmt::Display) -> String {
    let RequestIds { request_id, trace_id } = ids;
    let text = format!("{level} request_id={request_id} trace_id={trace_id} {cause}");
    if !text.contains(char::is_control) {
        return text;
    }
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_break_in_a_cause_begins_no_new_line() {
        let ids = RequestIds {
            request_id: "r1",
            trace_id: "t1",
        };
        assert_eq!(
            line("ERROR", ids, "first\nERROR forged\x1b[2J"),
            "ERROR request_id=r1 trace_id=t1 first ERROR forged [2J"
        );
    }
}
