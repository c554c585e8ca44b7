//! Shipping addresses.

use kernel::{Country, Violations, clean};

/// A shipping address: every part is clean and within its length, and the required parts are present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) name: String,
    pub(crate) postal_code: String,
    pub(crate) country: String,
    pub(crate) region: String,
    pub(crate) city: String,
    pub(crate) line1: String,
    pub(crate) line2: String,
    pub(crate) phone: String,
}

/// An address as it was typed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AddressInput<'a> {
    pub(crate) name: &'a str,
    pub(crate) postal_code: &'a str,
    pub(crate) country: &'a str,
    pub(crate) region: &'a str,
    pub(crate) city: &'a str,
    pub(crate) line1: &'a str,
    pub(crate) line2: &'a str,
    pub(crate) phone: &'a str,
}

impl AddressInput<'_> {
    /// Parses the address.
    ///
    /// # Errors
    /// A violation for each invalid part.
    pub(crate) fn parse(&self) -> Result<Address, Violations> {
        let mut violations = Violations::default();
        let name = violations.take("name", required(self.name, 100));
        let postal_code = violations.take("postalCode", optional(self.postal_code, 20));
        let country = violations.take("country", self.country.parse::<Country>());
        let region = violations.take("region", optional(self.region, 100));
        let city = violations.take("city", required(self.city, 100));
        let line1 = violations.take("line1", required(self.line1, 200));
        let line2 = violations.take("line2", optional(self.line2, 200));
        let phone = violations.take("phone", optional(self.phone, 30));
        let address = || {
            Some(Address {
                name: name?,
                postal_code: postal_code?,
                country: country?.code().to_owned(),
                region: region?,
                city: city?,
                line1: line1?,
                line2: line2?,
                phone: phone?,
            })
        };
        address().ok_or(violations)
    }

    /// Its parts, always in the same order.
    pub(crate) fn parts(&self) -> [&str; 8] {
        [
            self.name,
            self.postal_code,
            self.country,
            self.region,
            self.city,
            self.line1,
            self.line2,
            self.phone,
        ]
    }
}

fn optional(text: &str, most: usize) -> Result<String, String> {
    clean(text, most).map_err(|error| error.to_string())
}

fn required(text: &str, most: usize) -> Result<String, String> {
    match optional(text, most)? {
        text if text.is_empty() => Err(format!("must have 1 to {most} characters")),
        text => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPED: AddressInput<'_> = AddressInput {
        name: " 山田 花 ",
        postal_code: "604-8571",
        country: "JP",
        region: "京都府",
        city: "京都市",
        line1: "寺町通御池上る",
        line2: "",
        phone: "",
    };

    fn wrong(input: AddressInput<'_>) -> Vec<String> {
        let violations = input.parse().expect_err("no address");
        violations
            .iter()
            .map(|violation| violation.field.to_string())
            .collect()
    }

    #[test]
    fn address_is_stored_as_typed_but_trimmed() {
        let address = TYPED.parse().unwrap();
        assert_eq!(
            (address.name.as_str(), address.city.as_str()),
            ("山田 花", "京都市")
        );
    }

    #[test]
    fn all_invalid_fields_are_named_at_once() {
        let required = ["name", "country", "city", "line1"];
        assert_eq!(wrong(AddressInput::default()), required);
        let long = "x".repeat(201);
        let input = AddressInput {
            name: &long,
            postal_code: &long,
            region: &long,
            city: &long,
            line1: &long,
            line2: &long,
            phone: &long,
            ..TYPED
        };
        assert_eq!(wrong(input).len(), 7, "each part has a length");
        for code in ["jp", "JPN", "J1", "日", "", "ZZ", "UK"] {
            let input = AddressInput {
                country: code,
                ..TYPED
            };
            assert_eq!(wrong(input), ["country"], "{code:?}");
        }
        let input = AddressInput {
            line2: "a\nb",
            ..TYPED
        };
        assert_eq!(wrong(input), ["line2"]);
        let blank = "\u{200b}";
        let input = AddressInput {
            name: blank,
            postal_code: blank,
            region: blank,
            city: blank,
            line1: blank,
            line2: blank,
            phone: blank,
            ..TYPED
        };
        assert_eq!(wrong(input).len(), 7, "no part looks blank");
    }
}
