//! The texts of the pages in each language. They are compiled into the component, so an instance reads and parses no
//! file.

/// A language of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Language {
    #[default]
    English,
    Japanese,
}

impl Language {
    /// The language that the browser prefers (RFC 9110, section 12.5.4). English if it accepts none of ours.
    pub(crate) fn of(accept_language: &str) -> Self {
        let mut best = (Self::default(), 0);
        for range in accept_language.split(',').take(64) {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let weight = weight(parameters);
            let primary = tag.trim().split('-').next().unwrap_or_default();
            let language = match primary.to_ascii_lowercase().as_str() {
                "en" => Self::English,
                "ja" => Self::Japanese,
                _ => continue,
            };
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }

    /// The tag for HTML's `lang` (BCP 47).
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Japanese => "ja",
        }
    }

    pub(crate) fn texts(self) -> &'static Texts {
        match self {
            Self::English => &ENGLISH,
            Self::Japanese => &JAPANESE,
        }
    }
}

/// The weight of a language in thousandths: 800 for `q=0.8`, 1000 without a weight, 0 for a malformed one.
fn weight(parameters: &str) -> u32 {
    let Some((name, value)) = parameters.split_once('=') else {
        return 1000;
    };
    let value: f32 = value.trim().parse().unwrap_or(0.0);
    let is_weight = name.trim().eq_ignore_ascii_case("q") && (0.0..=1.0).contains(&value);
    if is_weight { (value * 1000.0) as u32 } else { 0 }
}

/// A text in which `{}` is replaced by a value: a name, a number or another text of ours.
pub(crate) fn fill(text: &str, value: &str) -> String {
    text.replacen("{}", value, 1)
}

macro_rules! texts {
    ($($name:ident: $english:literal, $japanese:literal;)*) => {
        /// All texts of the pages. [`fill`] replaces `{}`.
        #[derive(Debug)]
        pub(crate) struct Texts {
            $(pub(crate) $name: &'static str,)*
        }

        static ENGLISH: Texts = Texts { $($name: $english,)* };
        static JAPANESE: Texts = Texts { $($name: $japanese,)* };

        #[cfg(test)]
        const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $english, $japanese),)*];
    };
}

texts! {
    error_prefix: "Error: {}", "エラー: {}";

    sign_in: "Sign in", "サインイン";
    sign_in_for: "to continue to {}", "{} に進むにはサインインしてください";
    email: "E-mail address", "メールアドレス";
    password: "Password", "パスワード";
    remember_me: "Stay signed in on this device", "このデバイスでサインインしたままにする";
    cancel: "Cancel", "キャンセル";
    no_account: "No account yet?", "アカウントをお持ちでないですか？";
    create_account: "Create an account", "アカウントを作成";
    wrong_credentials:
        "The e-mail address or the password is not right.",
        "メールアドレスまたはパスワードが正しくありません。";
    too_many_attempts:
        "Too many attempts. Please try again in {} minutes.",
        "試行回数が多すぎます。{} 分後にもう一度お試しください。";
    email_wrong:
        "Enter an e-mail address such as mina@example.com.",
        "mina@example.com のようなメールアドレスを入力してください。";
    password_missing:
        "Enter your password: it has at most 128 characters.",
        "パスワードを入力してください（128 文字以内）。";

    name: "Name", "お名前";
    name_hint: "What applications call you. You may leave it empty.", "アプリに表示されるお名前です。空欄でもかまいません。";
    name_wrong:
        "Enter at most 100 characters, without line breaks.",
        "改行なしの 100 文字以内で入力してください。";
    password_hint: "8 to 128 characters, of any kind.", "8～128 文字。文字の種類は問いません。";
    password_wrong: "Enter 8 to 128 characters.", "8～128 文字で入力してください。";
    email_taken:
        "There is an account with this e-mail address. Sign in instead.",
        "このメールアドレスのアカウントはすでにあります。サインインしてください。";
    have_account: "Already have an account?", "アカウントをお持ちですか？";

    consent: "Allow access?", "アクセスを許可しますか？";
    consent_asks: "{} would like to:", "{} が次のことを求めています：";
    consent_as: "You are signed in as {}.", "{} としてサインインしています。";
    consent_scopes: "What it may do", "許可する内容";
    consent_audience: "Where it may do that", "利用先";
    consent_remember: "Do not ask me again for this", "次回から確認しない";
    allow: "Allow", "許可";
    deny: "Do not allow", "許可しない";
    scope_openid:
        "Know who you are: your name and your e-mail address",
        "本人確認（お名前とメールアドレス）";
    scope_profile: "See your name", "お名前の参照";
    scope_email: "See your e-mail address", "メールアドレスの参照";
    scope_offline: "Stay connected while you are away", "あなたの不在時も接続を維持";
    scope_admin:
        "Administer everything: accounts, products and orders",
        "すべての管理（アカウント・商品・注文）";

    sign_out: "Sign out", "サインアウト";
    sign_out_question: "Do you want to sign out?", "サインアウトしますか？";
    sign_out_for: "{} asks you to sign out.", "{} がサインアウトを求めています。";
    stay: "Stay signed in", "サインインしたままにする";
    stayed: "You are still signed in", "サインインしたままです";
    signed_out: "You are signed out", "サインアウトしました";
    close: "You can close this page.", "このページを閉じてかまいません。";

    failed: "This did not work", "うまくいきませんでした";
    start_again:
        "Please go back to the application and begin again.",
        "アプリに戻って、最初からやり直してください。";
    expired: "This page has expired", "このページは期限切れです";
    expired_why:
        "It was open for too long, or its address is not complete.",
        "長時間開いていたか、アドレスが不完全です。";
    done_before: "This was done already", "すでに完了しています";
    forged: "This form was not sent from our page", "当サイトのページから送信されたフォームではありません";
    forged_why:
        "Nothing has changed. Please allow cookies for this site.",
        "何も行われていません。このサイトの Cookie を許可してください。";
    too_many_from_here:
        "Too many people have tried to sign in from your network. Please try again in a few minutes.",
        "ご利用のネットワークからのサインインの試行が多すぎます。数分後にもう一度お試しください。";
    unavailable: "Not available at the moment", "現在ご利用いただけません";
    unavailable_why: "Please try again in a minute.", "しばらくしてからもう一度お試しください。";
    error_denied: "The request was refused.", "リクエストは拒否されました。";
    error_client:
        "The application is unknown, or it is not configured correctly.",
        "アプリが登録されていないか、正しく設定されていません。";
    error_request:
        "The application has sent a request that is not valid.",
        "アプリから送信された内容を処理できません。";
    error_browser:
        "You started in another browser, or cookies are blocked for this site.",
        "別のブラウザーで開始されたか、このサイトの Cookie が許可されていません。";
    error_code: "Error code: {}", "エラーコード: {}";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_exists_in_both_languages() {
        for (name, english, japanese) in ALL {
            assert!(!english.is_empty() && !japanese.is_empty(), "{name}");
            assert!(english.is_ascii(), "{name} in English: {english}");
            assert!(
                japanese.chars().any(|c| c > '\u{3000}'),
                "{name} in Japanese: {japanese}"
            );
            let places = |text: &str| text.matches("{}").count();
            assert_eq!(
                places(english),
                places(japanese),
                "{name}: both have the same number of places"
            );
            assert!(places(english) <= 1, "{name}: at most one place");
        }
    }

    #[test]
    fn page_has_the_language_that_the_browser_prefers() {
        let cases = [
            ("", Language::English),
            ("ja", Language::Japanese),
            ("ja-JP,ja;q=0.9,en;q=0.8", Language::Japanese),
            ("en-GB,en;q=0.9,ja;q=0.8", Language::English),
            ("de, ja;q=0.5, en;q=0.4", Language::Japanese),
            ("de", Language::English),
            ("JA", Language::Japanese),
            ("ja;q=0", Language::English),
            ("ja;q=x, en;q=0.1", Language::English),
            ("ja;q=-1", Language::English),
            ("*", Language::English),
            ("java", Language::English),
            (",,;;=,q=1", Language::English),
        ];
        for (header, expected) in cases {
            assert_eq!(Language::of(header), expected, "{header:?}");
        }
    }

    #[test]
    fn value_is_filled_in_once() {
        assert_eq!(fill("to {}", "{}"), "to {}");
        assert_eq!(fill("none", "x"), "none");
    }
}
