//! What each revision of the protocol can carry.

use rmcp::model::ProtocolVersion;

/// The revision a request is answered in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Revision(ProtocolVersion);

impl Revision {
    /// The revision of a request; one that names none is answered as the oldest that HTTP allows for
    /// (2025-06-18, "Protocol Version Header").
    pub(super) fn of(version: Option<ProtocolVersion>) -> Self {
        Self(version.unwrap_or(ProtocolVersion::V_2025_03_26))
    }

    /// Tool annotations exist since 2025-03-26.
    pub(super) fn has_annotations(&self) -> bool {
        self.since(&ProtocolVersion::V_2025_03_26)
    }

    /// Progress has a message since 2025-03-26.
    pub(super) fn has_progress_messages(&self) -> bool {
        self.since(&ProtocolVersion::V_2025_03_26)
    }

    /// A server may ask the person behind a client since 2025-06-18.
    pub(super) fn has_elicitation(&self) -> bool {
        self.since(&ProtocolVersion::V_2025_06_18)
    }

    /// Sounds in results exist since 2025-03-26.
    pub(super) fn has_audio(&self) -> bool {
        self.since(&ProtocolVersion::V_2025_03_26)
    }

    /// `structuredContent`, `outputSchema` and a tool's `title` exist since 2025-06-18.
    pub(super) fn has_structured_content(&self) -> bool {
        self.since(&ProtocolVersion::V_2025_06_18)
    }

    /// Links to resources in results exist since 2025-06-18.
    pub(super) fn has_resource_links(&self) -> bool {
        self.since(&ProtocolVersion::V_2025_06_18)
    }

    /// Tools and links have icons since 2025-11-25.
    pub(super) fn has_icons(&self) -> bool {
        self.since(&ProtocolVersion::V_2025_11_25)
    }

    /// `structuredContent` and `outputSchema` may be more than objects since 2026-07-28.
    pub(super) fn has_any_structure(&self) -> bool {
        self.is_stateless()
    }

    /// Since 2026-07-28 every request stands alone: no handshake, no session.
    pub(super) fn is_stateless(&self) -> bool {
        self.since(&ProtocolVersion::V_2026_07_28)
    }

    fn since(&self, version: &ProtocolVersion) -> bool {
        // Revisions are ISO dates, which sort as text.
        self.0.as_str() >= version.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_revision_carries_what_it_knows() {
        let carries = |version| {
            let revision = Revision::of(version);
            [
                revision.has_annotations(),
                revision.has_structured_content(),
                revision.has_any_structure(),
            ]
        };
        assert_eq!(
            carries(Some(ProtocolVersion::V_2024_11_05)),
            [false, false, false]
        );
        assert_eq!(carries(None), [true, false, false]);
        assert_eq!(
            carries(Some(ProtocolVersion::V_2025_11_25)),
            [true, true, false]
        );
        assert_eq!(
            carries(Some(ProtocolVersion::V_2026_07_28)),
            [true, true, true]
        );
    }
}
