//! Currencies, and the number of decimals of an amount in each.

use std::{fmt, str::FromStr};

use crate::MoneyError;

/// The currencies of ISO 4217 (list one of 2026-01-01, the newest on 2026-11-26), by their number of decimals, which the list
/// calls "minor unit".
///
/// Codes in which there can be no price are left out: funds codes (BOV, CHE, CHW, CLF, COU, MXV, USN, UYI), precious metals,
/// units of account of banks (XAD, XBA to XBD, XDR, XSU, XUA), the code for tests (XTS) and the code for no currency
/// ("XXX"). When the list changes, change this table and the function `minor_units` in `migrations/`.
const BY_DECIMALS: [(u8, &str); 4] = [
    (
        0,
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    ),
    (
        2,
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY \
         COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF \
         IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR \
         MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG \
         SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES \
         WST XCD XCG YER ZAR ZMW ZWG",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "UYW"),
];

/// A currency, by its ISO 4217 code of three upper-case letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency {
    code: [u8; 3],
    decimals: u8,
}

impl Currency {
    /// The highest number of decimals of any currency.
    pub(crate) const MOST_DECIMALS: u32 = 4;

    /// A stored code. ISO 4217 withdraws codes, but orders in such currencies are kept. A code that is not in the list, or
    /// not any more, counts as a currency with two decimals.
    ///
    /// # Errors
    /// [`MoneyError::Currency`] if it is not three upper-case letters.
    pub fn kept(text: &str) -> Result<Self, MoneyError> {
        let code: [u8; 3] = text.as_bytes().try_into().map_err(|_| MoneyError::Currency)?;
        let is_code = code.iter().all(u8::is_ascii_uppercase);
        is_code
            .then_some(Self {
                code,
                decimals: listed(text).unwrap_or(2),
            })
            .ok_or(MoneyError::Currency)
    }

    /// The code's three letters.
    pub fn code(&self) -> &str {
        // Always ASCII: see `kept`, the only way to make one.
        std::str::from_utf8(&self.code).unwrap_or_default()
    }

    /// The number of decimals of an amount: 0 for JPY, 2 for EUR, 3 for KWD.
    pub fn decimals(self) -> u32 {
        self.decimals.into()
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let currency = Self::kept(text)?;
        listed(text).map(|_| currency).ok_or(MoneyError::Currency)
    }
}

/// The number of decimals of a currency, if the list has it.
fn listed(code: &str) -> Option<u8> {
    let of = |(decimals, codes): (u8, &str)| {
        let mut codes = codes.split_ascii_whitespace();
        codes.any(|listed| listed == code).then_some(decimals)
    };
    BY_DECIMALS.into_iter().find_map(of)
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currency_has_as_many_decimals_as_iso_4217_says() {
        for (code, decimals) in [
            ("JPY", 0),
            ("KRW", 0),
            ("XOF", 0),
            ("EUR", 2),
            ("USD", 2),
            ("ZWG", 2),
            ("XCG", 2),
            ("KWD", 3),
            ("TND", 3),
            ("UYW", 4),
        ] {
            let currency: Currency = code.parse().unwrap();
            assert_eq!((currency.code(), currency.decimals()), (code, decimals));
        }
        let all = BY_DECIMALS
            .iter()
            .flat_map(|(_, codes)| codes.split_ascii_whitespace());
        assert_eq!(
            all.count(),
            156,
            "list one has 178 codes, less 22 that are no money to pay with"
        );
    }

    #[test]
    fn text_that_is_not_an_active_currency_is_refused() {
        let no_form = ["", "jpy", "JP", "JPYY", "J1Y", "円"];
        let not_listed = [
            "ABC", "HRK", "BGN", "ANG", "XXX", "XTS", "XAU", "XDR", "CHE", "CLF", "BIF CLP",
        ];
        for text in no_form.into_iter().chain(not_listed) {
            assert_eq!(
                text.parse::<Currency>(),
                Err(MoneyError::Currency),
                "{text:?} is no currency"
            );
        }
    }

    #[test]
    fn stored_code_that_iso_4217_has_withdrawn_is_still_read() {
        let kuna = Currency::kept("HRK").unwrap();
        assert_eq!((kuna.code(), kuna.decimals()), ("HRK", 2));
        assert_eq!(Currency::kept("JPY"), "JPY".parse());
        assert_eq!(Currency::kept("hrk"), Err(MoneyError::Currency));
    }
}
