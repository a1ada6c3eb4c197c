//! Every bound on what a stranger's record, address or reverse zone can make a check do.

/// Terms that query DNS, over the whole check (RFC 7208 section 4.6.4).
pub(super) const DNS_TERMS: u32 = 10;
/// Queries of terms that were answered with nothing, over the whole check (RFC 7208 sections 4.6.4 and 11.1).
pub(super) const VOID_LOOKUPS: u32 = 2;
/// Exchanges of one `mx` whose addresses are asked; one more is an error (RFC 7208 section 4.6.4).
pub(super) const MX_NAMES: usize = 10;
/// Names of the client whose addresses are asked; the others are ignored (RFC 7208 section 4.6.4).
pub(super) const PTR_NAMES: usize = 10;

/// Questions asked ahead of need that the evaluation has not come to. An honest record has room: ten terms, and five
/// exchanges for each. What can be asked in vain is bounded by it.
pub(super) const AHEAD: usize = 64;
/// The largest answer, in octets, that is kept until the evaluation comes to it. A larger one is asked for again, and
/// comes from the resolver's cache.
pub(super) const MAX_KEPT: usize = 4096;

/// The longest name in octets, without the trailing dot (RFC 7208 section 7.3).
pub(super) const MAX_NAME: usize = 253;
/// The longest label in octets (RFC 1035 section 2.3.4).
pub(super) const MAX_LABEL: usize = 63;
/// The longest HELO and reverse-path in octets that macros expand: far above the 256 octets of RFC 5321
/// section 4.5.3.1.3, and small enough that a 64 KiB record full of macros costs milliseconds.
pub(super) const MAX_MACRO_VALUE: usize = 1024;

/// The longest explanation in octets: an SMTP reply line holds 512 (RFC 5321 section 4.5.3.1.5), and RFC 7208
/// section 6.2 wants room left for the receiver's own words.
pub(super) const MAX_EXPLANATION: usize = 400;
/// The longest quotation of a stranger's text in a problem or a trace line, in octets.
pub(super) const MAX_QUOTE: usize = 255;
/// Steps that a trace keeps: a 64 KiB record can hold ten thousand terms.
pub(super) const TRACE_LINES: usize = 256;
/// Answers of one question that a trace line lists.
pub(super) const TRACE_ANSWERS: usize = 12;
