//! Money: an exact decimal with its currency.

use std::fmt;

use rust_decimal::Decimal;

use crate::{Currency, Violations};

/// The reason why texts are not an amount of money, or amounts have no sum. The text is for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The text is not digits with an optional fraction, or the amount is out of range.
    #[error("must be a decimal such as \"1980\" or \"19.80\", without a sign, and less than 100000000")]
    Amount,
    /// The amount has more decimals than the currency.
    #[error("{}", too_fine(*.0))]
    Decimals(Currency),
    /// The code is not a currency of ISO 4217.
    #[error("must be an ISO 4217 code of three upper-case letters, such as \"JPY\"")]
    Currency,
    /// The amounts are in different currencies.
    #[error("must be in one currency")]
    Currencies,
}

fn too_fine(currency: Currency) -> String {
    match currency.decimals() {
        0 => format!("must be a whole number: {} has no decimals", currency.code()),
        decimals => format!(
            "must have at most {decimals} decimals: {} has no more",
            currency.code()
        ),
    }
}

/// An amount of money in a currency: not negative, less than 100000000, and with no more decimals than its currency has (ISO
/// 4217, minor unit): none in JPY, two in EUR, three in KWD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    amount: Decimal,
    currency: Currency,
}

impl Money {
    /// Every amount is less than this.
    const BOUND: Decimal = Decimal::from_parts(100_000_000, 0, 0, false, 0);

    /// Zero in a currency.
    pub fn zero(currency: Currency) -> Self {
        let amount = Decimal::ZERO;
        Self { amount, currency }
    }

    /// Parses the two texts of a message. Zeros at the end of a fraction do not count: `1980.00` is 1980 JPY.
    ///
    /// # Errors
    /// The violation of the amount, or otherwise of the currency.
    pub fn parse(amount: &str, currency: &str) -> Result<Self, MoneyError> {
        Self::new(decimal(amount)?, currency.parse()?)
    }

    /// An amount that was stored, or comes from another component. It may be in a currency that ISO 4217 has withdrawn
    /// since, and may have more decimals than its currency, because orders are kept longer than currencies.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), except for these two cases.
    pub fn kept(amount: &str, currency: &str) -> Result<Self, MoneyError> {
        let (amount, currency) = (decimal(amount)?, Currency::kept(currency)?);
        Ok(Self { amount, currency })
    }

    fn new(amount: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let fits = amount.normalize().scale() <= currency.decimals();
        fits.then_some(Self { amount, currency })
            .ok_or(MoneyError::Decimals(currency))
    }

    /// The amount as a decimal number, with as many decimals as the currency has: `1980` JPY, `19.80` EUR, `1.980` KWD. A
    /// [stored](Self::kept) amount with more decimals is shown with all of them: nothing is rounded.
    pub fn amount(&self) -> String {
        let decimals = self.currency.decimals().max(self.amount.normalize().scale());
        format!("{:.*}", decimals as usize, self.amount)
    }

    /// The currency.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The price of this number of pieces.
    ///
    /// # Errors
    /// [`MoneyError::Amount`] if the result is too large for an amount.
    pub fn times(self, pieces: u32) -> Result<Self, MoneyError> {
        self.with(self.amount.checked_mul(pieces.into()))
    }

    /// The sum of two amounts.
    ///
    /// # Errors
    /// [`MoneyError::Amount`] if the result is too large for an amount, [`MoneyError::Currencies`] for two different
    /// currencies.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        match self.currency == other.currency {
            true => self.with(self.amount.checked_add(other.amount)),
            false => Err(MoneyError::Currencies),
        }
    }

    fn with(self, amount: Option<Decimal>) -> Result<Self, MoneyError> {
        let amount = amount.filter(|amount| *amount < Self::BOUND);
        let currency = self.currency;
        amount
            .map(|amount| Self { amount, currency })
            .ok_or(MoneyError::Amount)
    }
}

/// The unparsed amount of money in a request.
#[derive(Clone, Copy, Debug)]
pub struct MoneyInput<'a> {
    amount: &'a str,
    currency: &'a str,
}

impl<'a> MoneyInput<'a> {
    /// An amount, and the code of its currency.
    pub const fn new(amount: &'a str, currency: &'a str) -> Self {
        Self { amount, currency }
    }

    /// Both texts.
    pub const fn texts(self) -> [&'a str; 2] {
        [self.amount, self.currency]
    }

    /// Parses both texts.
    ///
    /// # Errors
    /// Violations of the fields `amount` and `currencyCode`.
    pub fn parse(self) -> Result<Money, Violations> {
        let currency: Result<Currency, _> = self.currency.parse();
        let amount = decimal(self.amount).and_then(|amount| match currency {
            Ok(currency) => Money::new(amount, currency).map(|money| money.amount),
            // With the number of decimals that most currencies have.
            Err(_) if amount.normalize().scale() > 2 => Err(MoneyError::Amount),
            Err(_) => Ok(amount),
        });
        let mut violations = Violations::default();
        let amount = violations.take("amount", amount);
        let currency = violations.take("currencyCode", currency);
        let money = amount.zip(currency);
        money
            .map(|(amount, currency)| Money { amount, currency })
            .ok_or(violations)
    }
}

/// The amount and the code of the currency: `1980 JPY`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency.code())
    }
}

/// Parses plain digits only: `Decimal` would also accept signs, underscores and a point without digits.
fn decimal(text: &str) -> Result<Decimal, MoneyError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits =
        |part: &str, most| (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole, 8) || !digits(fraction, Currency::MOST_DECIMALS as usize) {
        return Err(MoneyError::Amount);
    }
    text.parse().map_err(|_| MoneyError::Amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount: &str, currency: &str) -> Money {
        Money::parse(amount, currency).unwrap()
    }

    #[test]
    fn amount_has_the_decimals_of_its_currency() {
        let cases = [
            ("0", "JPY", "0"),
            ("1980", "JPY", "1980"),
            ("1980.00", "JPY", "1980"),
            ("007.5", "EUR", "7.50"),
            ("0.1", "USD", "0.10"),
            ("99999999.99", "USD", "99999999.99"),
            ("1.98", "KWD", "1.980"),
            ("1.987", "KWD", "1.987"),
            ("1.2345", "UYW", "1.2345"),
        ];
        for (text, currency, written) in cases {
            assert_eq!(money(text, currency).amount(), written, "{text} {currency}");
        }
        assert_eq!(
            money("1980.00", "JPY"),
            money("1980", "JPY"),
            "an amount has one value"
        );
    }

    #[test]
    fn amount_with_more_decimals_than_its_currency_is_refused() {
        for (text, currency) in [
            ("1980.50", "JPY"),
            ("0.001", "EUR"),
            ("1.9875", "KWD"),
            ("0.1", "KRW"),
        ] {
            let expected = MoneyError::Decimals(currency.parse().unwrap());
            assert_eq!(Money::parse(text, currency), Err(expected), "{text} {currency}");
        }
        let said = |text, currency| Money::parse(text, currency).unwrap_err().to_string();
        assert_eq!(said("1.5", "JPY"), "must be a whole number: JPY has no decimals");
        assert_eq!(
            said("1.555", "EUR"),
            "must have at most 2 decimals: EUR has no more"
        );
    }

    #[test]
    fn sums_and_products_are_exact_and_stay_within_bounds() {
        assert_eq!(money("0.10", "USD").times(3), Ok(money("0.30", "USD")));
        assert_eq!(
            money("0.10", "USD").plus(money("0.20", "USD")),
            Ok(money("0.30", "USD"))
        );
        assert_eq!(money("0.001", "KWD").times(999), Ok(money("0.999", "KWD")));
        let most = money("99999999.99", "USD");
        let none = Money::zero(most.currency());
        assert_eq!(most.times(0), Ok(none));
        assert_eq!(most.plus(none), Ok(most));
        for beyond in [
            most.plus(money("0.01", "USD")),
            money("50000000", "JPY").times(2),
            most.times(u32::MAX),
        ] {
            assert_eq!(beyond, Err(MoneyError::Amount), "more than the maximum amount");
        }
        assert_eq!(
            money("1", "JPY").plus(money("1", "USD")),
            Err(MoneyError::Currencies)
        );
    }

    #[test]
    fn text_that_is_not_an_amount_is_refused() {
        let refused = [
            "",
            "-1",
            "+1",
            "1.",
            ".5",
            "1.23456",
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
                Money::parse(text, "UYW"),
                Err(MoneyError::Amount),
                "{text:?} is no amount"
            );
        }
    }

    #[test]
    fn stored_amount_keeps_all_decimals_under_newer_rules() {
        for (text, currency, written) in [
            ("1980.00", "JPY", "1980"),
            ("1980.50", "JPY", "1980.5"),
            ("5.00", "HRK", "5.00"),
            ("1.23", "KWD", "1.230"),
        ] {
            assert_eq!(
                Money::kept(text, currency).unwrap().amount(),
                written,
                "{text} {currency}"
            );
        }
    }

    #[test]
    fn each_invalid_text_of_an_amount_has_a_violation() {
        let wrong = |amount, currency| {
            let violations = MoneyInput::new(amount, currency).parse().unwrap_err();
            let fields = violations.iter().map(|violation| violation.field.to_string());
            fields.collect::<Vec<_>>()
        };
        assert_eq!(wrong("x", "ABC"), ["amount", "currencyCode"]);
        assert_eq!(wrong("1.234", "yen"), ["amount", "currencyCode"]);
        assert_eq!(wrong("1.5", "JPY"), ["amount"]);
        assert_eq!(wrong("1.5", "ABC"), ["currencyCode"]);
    }
}
