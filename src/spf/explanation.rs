//! The words of the publisher for a fail (RFC 7208 section 6.2).

use super::{
    Lookup, check_host::Evaluation, expansion::Values, limits::MAX_EXPLANATION,
    macros::MacroString, name::Name,
};

impl<L: Lookup> Evaluation<'_, L> {
    /// The publisher's own words (6.2). Nothing that goes wrong here changes the result: "proceed as if no
    /// "exp" modifier was given"; and its questions are no terms of 4.6.4.
    pub(super) async fn explain(&mut self, publisher: &Name, exp: &MacroString) -> Option<String> {
        let target = self.expand(exp, publisher).await.ok()?;
        let answers = self.txt(&target).await.ok()?;
        let [text] = answers.as_slice() else {
            return None;
        };
        let string = MacroString::explain_string(text).ok()?;
        let validated_name = self.validated_name_for(&string, publisher).await;
        let values = Values {
            domain: publisher.as_str().as_bytes(),
            validated_name: validated_name.as_bytes(),
            ..self.values
        };
        let explanation: String = string
            .expand_text(&values, MAX_EXPLANATION)
            .into_iter()
            // HELO and the local part can put anything in.
            .map(|byte| match byte {
                b' '..=b'~' => char::from(byte),
                _ => '?',
            })
            .collect();
        (!explanation.trim().is_empty()).then_some(explanation)
    }
}
