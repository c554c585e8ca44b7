//! Who may call what: one line a method. The use cases of each service check the same again, by the caller they are told.

use connect::{ConnectError, MethodDescriptor, json::TextFields};
use kernel::Caller;
use web::challenge;

/// Who may call a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Whoever asks.
    Anyone,
    /// Users, for themselves: the service takes the token's user, not a field.
    User,
    /// The user whose id is in this field of the message, and admins.
    Owner(&'static str),
    /// Tokens with the scope `admin`.
    Admin,
    /// Other services. The bff has no route to it.
    Service,
}

use Rule::{Admin, Anyone, Owner, Service, User};

#[rustfmt::skip]
const RULES: &[(&str, Rule)] = &[
    ("/user.v1.UserService/CreateUser",                     Anyone),
    ("/user.v1.UserService/GetUser",                        Owner("id")),
    ("/user.v1.UserService/UpdateUser",                     Owner("id")),
    ("/user.v1.UserService/DeleteUser",                     Owner("id")),
    ("/user.v1.UserService/ChangePassword",                 User),
    ("/user.v1.UserService/SignOut",                        User),
    ("/user.v1.UserService/ListUsers",                      Admin),
    ("/user.v1.UserService/RevokeUser",                     Admin),
    ("/user.v1.UserService/SetRoles",                       Admin),
    ("/user.v1.SessionService/CheckSession",                Service),
    ("/user.v1.UserEventService/ListUserEvents",            Service),
    ("/user.v1.UserEventService/AcknowledgeUserEvents",     Service),
    ("/product.v1.ProductService/GetProduct",               Anyone),
    ("/product.v1.ProductService/ListProducts",             Anyone),
    ("/product.v1.ProductService/BatchGetProducts",         Anyone),
    ("/product.v1.ProductService/CreateProduct",            Admin),
    ("/product.v1.ProductService/UpdateProduct",            Admin),
    ("/product.v1.ProductService/DeleteProduct",            Admin),
    ("/product.v1.ProductService/UpdateStock",              Admin),
    ("/product.v1.InventoryService/ReserveStock",           Service),
    ("/product.v1.InventoryService/CommitReservation",      Service),
    ("/product.v1.InventoryService/ReleaseReservation",     Service),
    ("/product.v1.InventoryService/GetReservation",         Service),
    ("/product.v1.InventoryService/Restock",                Service),
    ("/product.v1.InventoryService/ExpireReservations",     Service),
    ("/order.v1.OrderService/AddToCart",                    User),
    ("/order.v1.OrderService/UpdateCartItem",               User),
    ("/order.v1.OrderService/RemoveFromCart",               User),
    ("/order.v1.OrderService/GetCart",                      User),
    ("/order.v1.OrderService/ClearCart",                    User),
    ("/order.v1.OrderService/CreateOrder",                  User),
    ("/order.v1.OrderService/GetOrder",                     User),
    ("/order.v1.OrderService/ListOrders",                   User),
    ("/order.v1.OrderService/CancelOrder",                  User),
    ("/order.v1.OrderService/WatchOrder",                   User),
    ("/grpc.health.v1.Health/Check",                        Anyone),
    ("/grpc.health.v1.Health/Watch",                        Anyone),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Anyone),
];

impl Rule {
    /// A method's rule. One without a line is nobody's, as if it were for services: forgetting it opens nothing.
    pub(crate) fn of(method: &MethodDescriptor) -> Self {
        let line = RULES.iter().find(|(path, _)| *path == method.path);
        line.map_or(Service, |(_, rule)| *rule)
    }

    /// Whether a caller may make the call at all, its message not yet read.
    pub(crate) fn admits(self, caller: &Caller) -> Result<(), ConnectError> {
        match (self, caller) {
            (Anyone, _) => Ok(()),
            (Service, _) => Err(ConnectError::permission_denied("this method is for services")),
            (User | Owner(_) | Admin, Caller::Anonymous) => Err(challenge::sign_in()),
            (Admin, caller) if !caller.is_admin() => Err(ConnectError::permission_denied(
                "this needs a token with the scope \"admin\"",
            )),
            (User | Owner(_) | Admin, _) => Ok(()),
        }
    }

    /// Whether a caller that was admitted may make the call about what its message names. An id that is none is left to
    /// the service, which says so.
    pub(crate) fn covers(self, caller: &Caller, message: &dyn TextFields) -> Result<(), ConnectError> {
        let Owner(field) = self else { return Ok(()) };
        let owner = message.text_field(field).unwrap_or_default().parse();
        match owner {
            Ok(owner) if !caller.is_user(owner) && !caller.is_admin() => {
                Err(ConnectError::permission_denied("this account is not yours"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use api::user::v1::GetUserRequest;
    use connect::Code;
    use kernel::{Scope, UserCaller, UserId};

    use super::*;

    /// The paths of all methods in a .proto file.
    fn methods(file: &Path) -> Vec<String> {
        let text = fs::read_to_string(file).expect("a .proto file");
        let word_after = |keyword: &str, line: &str| {
            let rest = line.trim_start().strip_prefix(keyword)?.strip_prefix(' ')?;
            Some(rest.split([' ', '(', '{', ';']).next()?.to_owned())
        };
        let (mut package, mut service, mut paths) = (String::new(), String::new(), Vec::new());
        for line in text.lines() {
            if let Some(name) = word_after("package", line) {
                package = name;
            } else if let Some(name) = word_after("service", line) {
                service = name;
            } else if let Some(name) = word_after("rpc", line) {
                paths.push(format!("/{package}.{service}/{name}"));
            }
        }
        paths
    }

    fn proto_files(folder: &Path) -> Vec<std::path::PathBuf> {
        let entries = fs::read_dir(folder).expect("the folder of the contracts");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths
            .flat_map(|path| match path.is_dir() {
                true => proto_files(&path),
                false => vec![path],
            })
            .collect()
    }

    #[test]
    fn every_method_of_every_contract_has_one_rule() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folders = ["proto", "crates/connect-grpc/proto"].map(|folder| root.join(folder));
        let declared: BTreeSet<String> = folders
            .iter()
            .flat_map(|folder| proto_files(folder))
            .flat_map(|file| methods(&file))
            .collect();
        assert!(declared.len() > 20, "the contracts declare methods: {declared:?}");
        let ruled: BTreeSet<String> = RULES.iter().map(|(path, _)| path.to_string()).collect();
        assert_eq!(ruled.len(), RULES.len(), "a method has two rules");
        let without: Vec<_> = declared.difference(&ruled).collect();
        assert!(
            without.is_empty(),
            "these methods need a line in RULES: {without:?}"
        );
        let unknown: Vec<_> = ruled.difference(&declared).collect();
        assert!(unknown.is_empty(), "no contract declares these: {unknown:?}");
    }

    #[test]
    fn comments_of_the_contracts_say_who_may_call() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
        for (path, rule) in RULES {
            let comment = comment(&root, path);
            let Some(comment) = comment.filter(|_| *rule != Service) else {
                continue;
            };
            assert_eq!(
                comment.contains("Anyone"),
                *rule == Anyone,
                "the comment says {comment:?} of {path}, which is {rule:?}"
            );
            assert_eq!(
                comment.ends_with("Admin only."),
                *rule == Admin,
                "the comment says {comment:?} of {path}, which is {rule:?}"
            );
        }
    }

    /// The first paragraph of the comment on a method, if its contract is in this folder.
    fn comment(folder: &Path, path: &str) -> Option<String> {
        let declaration = format!("rpc {}(", path.rsplit('/').next()?);
        let file = proto_files(folder)
            .into_iter()
            .find(|file| methods(file).iter().any(|method| method == path))?;
        let text = fs::read_to_string(file).ok()?;
        let before: Vec<&str> = text
            .lines()
            .map(str::trim)
            .take_while(|line| !line.starts_with(&declaration))
            .collect();
        let comment = before.iter().rev().take_while(|line| line.starts_with("//"));
        let lines: Vec<&str> = comment.map(|line| line.trim_start_matches('/').trim()).collect();
        let first: Vec<&str> = lines
            .into_iter()
            .rev()
            .take_while(|line| !line.is_empty())
            .collect();
        Some(first.join(" "))
    }

    fn user(id: UserId, scopes: Vec<Scope>) -> Caller {
        Caller::User(UserCaller {
            id,
            scopes,
            session: None,
        })
    }

    #[test]
    fn callers_are_admitted_by_rule() {
        let id = UserId::generate();
        let callers = [Caller::Anonymous, user(id, vec![]), user(id, vec![Scope::Admin])];
        let (open, unknown, denied) = (None, Some(Code::Unauthenticated), Some(Code::PermissionDenied));
        let table = [
            (Anyone, [open, open, open]),
            (User, [unknown, open, open]),
            (Owner("id"), [unknown, open, open]),
            (Admin, [unknown, denied, open]),
            (Service, [denied, denied, denied]),
        ];
        for (rule, expected) in table {
            for (caller, expected) in callers.iter().zip(expected) {
                let answer = rule.admits(caller).err().map(|error| error.code());
                assert_eq!(answer, expected, "{rule:?} for {caller:?}");
            }
        }
    }

    #[test]
    fn another_s_account_is_for_admins() {
        let (mine, another) = (UserId::generate(), UserId::generate());
        let about = |id: String| GetUserRequest { id };
        let cases = [
            (user(mine, vec![]), mine.to_string(), true),
            (user(mine, vec![]), mine.to_string().to_uppercase(), true),
            (user(mine, vec![]), another.to_string(), false),
            (user(mine, vec![Scope::Admin]), another.to_string(), true),
            (user(mine, vec![]), "no id".into(), true),
        ];
        for (caller, id, allowed) in cases {
            let answer = Owner("id").covers(&caller, &about(id.clone()));
            assert_eq!(answer.is_ok(), allowed, "{caller:?} about {id}");
        }
    }
}
