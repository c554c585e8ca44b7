//! Money: an exact decimal with its currency.

use std::{fmt, str::FromStr};

use rust_decimal::Decimal;

/// Why a text is no amount or currency, in words for the person who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not digits with an optional fraction, or out of range.
    #[error("must be a decimal from 0 to 99999999.99 with at most 2 decimals, such as \"1980.00\"")]
    Amount,
    /// Not three letters.
    #[error("must be an ISO 4217 code of three upper-case letters, such as \"JPY\"")]
    Currency,
}

/// An amount from 0 to 99999999.99 with at most two decimals: what `decimal(10, 2)` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(Decimal);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// The amount for so many pieces.
    ///
    /// # Errors
    /// [`MoneyError::Amount`] where it is beyond what an amount can be.
    pub fn times(self, pieces: u32) -> Result<Self, MoneyError> {
        let product = self.0.checked_mul(pieces.into());
        product.ok_or(MoneyError::Amount)?.try_into()
    }

    /// Both together.
    ///
    /// # Errors
    /// [`MoneyError::Amount`] where it is beyond what an amount can be.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        let sum = self.0.checked_add(other.0);
        sum.ok_or(MoneyError::Amount)?.try_into()
    }
}

impl TryFrom<Decimal> for Amount {
    type Error = MoneyError;

    fn try_from(value: Decimal) -> Result<Self, MoneyError> {
        let most = Decimal::new(9_999_999_999, 2);
        let fits = value >= Decimal::ZERO && value <= most && value.normalize().scale() <= 2;
        fits.then_some(Self(value)).ok_or(MoneyError::Amount)
    }
}

impl FromStr for Amount {
    type Err = MoneyError;

    /// Plain digits only: `Decimal` would also take signs, underscores and a bare point.
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits =
            |part: &str, most| (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole, 8) || !digits(fraction, 2) {
            return Err(MoneyError::Amount);
        }
        text.parse::<Decimal>()
            .map_err(|_| MoneyError::Amount)?
            .try_into()
    }
}

impl fmt::Display for Amount {
    /// Always with two decimals, whatever the currency: `1980.00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.0)
    }
}

/// An ISO 4217 currency code, by form: three upper-case letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The code's three letters.
    pub fn code(&self) -> &str {
        // Always ASCII: see `from_str`, the only way to make one.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let letters: [u8; 3] = text.as_bytes().try_into().map_err(|_| MoneyError::Currency)?;
        letters
            .iter()
            .all(u8::is_ascii_uppercase)
            .then_some(Self(letters))
            .ok_or(MoneyError::Currency)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount in a currency. Two of them are only ever compared or added within one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
}

impl Money {
    /// Parses both halves, as they stand in a message or a row.
    pub fn parse(amount: &str, currency: &str) -> Result<Self, MoneyError> {
        Ok(Self {
            amount: amount.parse()?,
            currency: currency.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_print_with_two_decimals() {
        let cases = [
            ("0", "0.00"),
            ("0.1", "0.10"),
            ("1980", "1980.00"),
            ("007.50", "7.50"),
            ("99999999.99", "99999999.99"),
        ];
        for (text, printed) in cases {
            let amount: Amount = text.parse().unwrap();
            assert_eq!(amount.to_string(), printed, "how {text} prints");
        }
    }

    #[test]
    fn sums_and_products_are_exact_and_stay_within_bounds() {
        let amount = |text: &str| text.parse::<Amount>().unwrap();
        assert_eq!(amount("0.10").times(3), Ok(amount("0.30")));
        assert_eq!(amount("0.10").plus(amount("0.20")), Ok(amount("0.30")));
        assert_eq!(amount("99999999.99").times(0), Ok(Amount::ZERO));
        assert_eq!(
            amount("99999999.99").plus(Amount::ZERO),
            Ok(amount("99999999.99"))
        );
        for beyond in [
            amount("99999999.99").plus(amount("0.01")),
            amount("50000000").times(2),
            amount("99999999.99").times(u32::MAX),
        ] {
            assert_eq!(beyond, Err(MoneyError::Amount), "more than an amount can be");
        }
    }

    #[test]
    fn whatever_is_no_amount_is_refused() {
        let refused = [
            "",
            "-1",
            "+1",
            "1.",
            ".5",
            "1.234",
            "100000000",
            "1e3",
            "1_000",
            "1,5",
            "NaN",
            " 1",
            "١",
            "1.0.0",
        ];
        for text in refused {
            assert_eq!(
                text.parse::<Amount>(),
                Err(MoneyError::Amount),
                "{text:?} is no amount"
            );
        }
    }

    #[test]
    fn a_currency_is_three_upper_case_letters() {
        assert_eq!("JPY".parse::<Currency>().unwrap().code(), "JPY");
        for text in ["", "jpy", "JP", "JPYY", "J1Y", "円"] {
            assert_eq!(
                text.parse::<Currency>(),
                Err(MoneyError::Currency),
                "{text:?} is no currency"
            );
        }
    }
}
