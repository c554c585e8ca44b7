//! Countries.

use std::{fmt, str::FromStr};

/// The officially assigned alpha-2 codes of ISO 3166-1, as of 2026-11-26. The list excludes reserved codes (EU, UK) and
/// user-assigned codes (XK).
const CODES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT \
    BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH \
    ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT \
    HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS \
    LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI \
    NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG \
    SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG \
    UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// The text is not the code of a country.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an ISO 3166-1 code of two upper-case letters, such as \"JP\"")]
pub struct CountryError;

/// A country or territory, by its ISO 3166-1 alpha-2 code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country(&'static str);

impl Country {
    /// The code's two letters.
    pub fn code(self) -> &'static str {
        self.0
    }
}

impl FromStr for Country {
    type Err = CountryError;

    fn from_str(text: &str) -> Result<Self, CountryError> {
        let mut codes = CODES.split_ascii_whitespace();
        codes.find(|code| *code == text).map(Self).ok_or(CountryError)
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_249_codes_of_iso_3166_1_are_countries() {
        for code in ["JP", "DE", "BR", "GB", "SS", "AX"] {
            assert_eq!(code.parse::<Country>().map(Country::code), Ok(code));
        }
        assert_eq!(CODES.split_ascii_whitespace().count(), 249);
    }

    #[test]
    fn text_that_is_not_an_assigned_code_is_refused() {
        for text in [
            "", "jp", "JPN", "J1", "日", "XX", "ZZ", "UK", "EU", "AN", "YU", "XK", "JP DE",
        ] {
            assert_eq!(
                text.parse::<Country>(),
                Err(CountryError),
                "{text:?} is no country"
            );
        }
    }
}
