use std::fmt;

/// The kind of an RPC's failure. The codes are exactly those of gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The caller cancelled the call.
    Canceled,
    /// The call failed, and no other code describes why.
    Unknown,
    /// The request is wrong in every state of the system.
    InvalidArgument,
    /// The deadline passed before there was an answer. The work may still have been done.
    DeadlineExceeded,
    /// An object that the request names does not exist.
    NotFound,
    /// The object that the request would create already exists.
    AlreadyExists,
    /// The caller is authenticated, but is not allowed to make this call.
    PermissionDenied,
    /// The caller has used up a quota or a limit.
    ResourceExhausted,
    /// The system is in the wrong state for the request. A repeat fails until the state changes.
    FailedPrecondition,
    /// A concurrent change caused a conflict. A repeat from the read on may succeed.
    Aborted,
    /// The request is for something after the end, such as a page after the last one.
    OutOfRange,
    /// The method does not exist, or cannot be called in this way.
    Unimplemented,
    /// An invariant of the server does not hold.
    Internal,
    /// The service cannot answer now; the same call may succeed later.
    Unavailable,
    /// Data is lost or damaged.
    DataLoss,
    /// The caller did not prove who they are.
    Unauthenticated,
}

/// Each code with its name on the wire and its HTTP status: the table "Error Codes" of the Connect protocol.
const TABLE: [(Code, &str, u16); 16] = [
    (Code::Canceled, "canceled", 499),
    (Code::Unknown, "unknown", 500),
    (Code::InvalidArgument, "invalid_argument", 400),
    (Code::DeadlineExceeded, "deadline_exceeded", 504),
    (Code::NotFound, "not_found", 404),
    (Code::AlreadyExists, "already_exists", 409),
    (Code::PermissionDenied, "permission_denied", 403),
    (Code::ResourceExhausted, "resource_exhausted", 429),
    (Code::FailedPrecondition, "failed_precondition", 400),
    (Code::Aborted, "aborted", 409),
    (Code::OutOfRange, "out_of_range", 400),
    (Code::Unimplemented, "unimplemented", 501),
    (Code::Internal, "internal", 500),
    (Code::Unavailable, "unavailable", 503),
    (Code::DataLoss, "data_loss", 500),
    (Code::Unauthenticated, "unauthenticated", 401),
];

impl Code {
    /// The code's name on the wire, such as `not_found`.
    pub fn as_str(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// The code with this name on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// The code's number in gRPC.
    pub fn number(self) -> u16 {
        // In the order of their numbers, which begin at 1: 0 is success.
        self as u16 + 1
    }

    /// The code with this number in gRPC. 0 is success, which is not a code.
    pub(crate) fn from_number(number: u16) -> Option<Self> {
        TABLE.iter().map(|row| row.0).find(|code| code.number() == number)
    }

    /// The HTTP status of a response that carries this code.
    pub fn http_status(self) -> http::StatusCode {
        http::StatusCode::from_u16(TABLE[self as usize].2).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The code for a failed response without a code, which does not come from a Connect server: the table "HTTP to Error
    /// Code" of the Connect protocol.
    pub fn from_http_status(status: http::StatusCode) -> Self {
        match status.as_u16() {
            400 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            429 | 502 | 503 | 504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_has_the_order_of_the_codes() {
        for (index, (code, name, status)) in TABLE.into_iter().enumerate() {
            assert_eq!(code as usize, index, "{name} stands in its own row");
            assert_eq!(Code::from_name(name), Some(code), "{name} is read back");
            assert_eq!(code.http_status().as_u16(), status, "{name} has its HTTP status");
            assert_eq!(usize::from(code.number()), index + 1, "{name} has its number");
            assert_eq!(
                Code::from_number(code.number()),
                Some(code),
                "its number is read back"
            );
        }
        assert_eq!(Code::from_name("NOT_FOUND"), None, "names are lower case");
        assert_eq!(Code::from_number(0), None, "success is no code");
        assert_eq!(Code::from_number(17), None, "there are 16 codes");
    }
}
