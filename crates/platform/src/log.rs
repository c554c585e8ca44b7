//! What a component has to say to its operators: lines on standard error, which the host writes to its log with the
//! component's name.

use std::fmt;

/// Something failed that should not have, and a caller was told no more than its code. `request_id` ties the line to
/// the request; it may be empty outside of one.
pub fn error(request_id: &str, cause: impl fmt::Display) {
    eprintln!("{}", line(request_id, cause));
}

/// One line, whatever the cause contains: a line break in it would let a caller's text pass for a line of the log.
fn line(request_id: &str, cause: impl fmt::Display) -> String {
    let text = format!("ERROR request_id={request_id} {cause}");
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
    fn a_cause_never_begins_a_line_of_its_own() {
        assert_eq!(
            line("r1", "first\nERROR forged\x1b[2J"),
            "ERROR request_id=r1 first ERROR forged [2J"
        );
    }
}
