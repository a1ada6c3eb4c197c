//! From a `domain-spec` to the `<target-name>` (RFC 7208 section 4.8).

use std::fmt;

use super::{
    Lookup,
    check_host::{Evaluation, Trouble},
    expansion::Values,
    macros::MacroString,
    name::Name,
    trace::quoted,
};

/// A `domain-spec` that expands to nothing one could ask for.
pub(super) enum NoTarget {
    /// Not a name (RFC 7208 section 4.8 leaves open what to do); with the text it came to.
    Malformed(String),
    /// `%{s}` or `%{l}` with a local part that is not ASCII: such a term matches nothing (RFC 8616 section 4).
    Internationalized,
}

impl<L: Lookup> Evaluation<'_, L> {
    /// The `<target-name>` of a term (4.8).
    pub(super) async fn target(
        &mut self,
        spec: &MacroString,
        text: &str,
        domain: &Name,
    ) -> Result<Result<Name, NoTarget>, Trouble> {
        if spec.needs_validated_name() && self.reverse.is_none() {
            // 4.6.4: for the %{p} macro too, "the number of "PTR" resource records queried is included in the
            // overall limit of 10". It is asked once, whatever uses it.
            self.count_dns_term(text, domain)?;
            let found_nothing = self.reverse_names().await.found_nothing();
            self.count_void(domain, found_nothing)?;
        }
        let target = self.expand(spec, domain).await;
        if let (true, Ok(target)) = (spec.has_macros(), &target) {
            self.trace
                .add(|| format!("{domain}: `{text}`: expands to {target}"));
        }
        Ok(target)
    }

    pub(super) async fn expand(
        &mut self,
        spec: &MacroString,
        domain: &Name,
    ) -> Result<Name, NoTarget> {
        // Not asked for the names of the client where nothing comes of it.
        let validated_name = match is_internationalized(spec, &self.values) {
            true => String::new(),
            false => self.validated_name_for(spec, domain).await,
        };
        expand(
            spec,
            &Values {
                domain: domain.as_str().as_bytes(),
                validated_name: validated_name.as_bytes(),
                ..self.values
            },
        )
    }

    pub(super) async fn validated_name_for(
        &mut self,
        string: &MacroString,
        domain: &Name,
    ) -> String {
        if string.needs_validated_name() {
            self.validated_name(domain).await
        } else {
            String::new()
        }
    }
}

/// The name that a `domain-spec` means.
pub(super) fn expand(spec: &MacroString, values: &Values<'_>) -> Result<Name, NoTarget> {
    if is_internationalized(spec, values) {
        return Err(NoTarget::Internationalized);
    }
    let expanded = spec.expand_name(values).unwrap_or_default();
    Name::from_bytes(&expanded).ok_or_else(|| NoTarget::Malformed(quoted(&expanded)))
}

fn is_internationalized(spec: &MacroString, values: &Values<'_>) -> bool {
    spec.needs_local_part() && !values.local.is_ascii()
}

impl fmt::Display for NoTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(text) => write!(f, "expands to `{text}`, which is no domain name"),
            Self::Internationalized => f.write_str("the local part is not ASCII"),
        }
    }
}
