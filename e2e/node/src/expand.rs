//! `$(NAME)` in commands, arguments and values.

use std::collections::BTreeMap;

/// Replaces `$(NAME)` by the value of a known variable; `$$` stands for one `$`, and what is unknown stays.
pub(crate) fn expand(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let reference = rest.strip_prefix('(').and_then(|inner| inner.split_once(')'));
        match reference.and_then(|(name, after)| Some((values.get(name)?, after))) {
            Some((value, after)) => {
                out.push_str(value);
                rest = after;
            }
            None => out.push('$'),
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::known("--listen=$(POD_IP):8080", "--listen=10.244.0.1:8080")]
    #[case::twice("$(POD_IP)$(POD_IP)", "10.244.0.110.244.0.1")]
    #[case::unknown_stays("$(NOBODY)", "$(NOBODY)")]
    #[case::escaped("$$(POD_IP)", "$(POD_IP)")]
    #[case::shell_variables_stay("$POD_IP ${POD_IP} $", "$POD_IP ${POD_IP} $")]
    #[case::unclosed("$(POD_IP", "$(POD_IP")]
    #[case::nothing("plain", "plain")]
    fn references_are_replaced(#[case] text: &str, #[case] want: &str) {
        let values = BTreeMap::from([("POD_IP".to_owned(), "10.244.0.1".to_owned())]);
        assert_eq!(expand(text, &values), want);
    }
}
