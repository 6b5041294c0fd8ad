//! General categories of characters (Unicode Standard §4.5), as far as names need them.
//!
//! In the Worker the JavaScript engine knows them, because it has the tables.

/// The category of a character.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Category {
    /// A mark, which is drawn on the character before it.
    Mark,
    /// Unassigned, for private use, or without a shape.
    Hidden,
    /// Another character.
    Other,
}

impl Category {
    /// Returns the category of a character.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn of(c: char) -> Self {
        use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};
        match c.general_category_group() {
            GeneralCategoryGroup::Mark => Self::Mark,
            GeneralCategoryGroup::Other => Self::Hidden,
            _ => Self::Other,
        }
    }

    /// Returns the category of a character.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn of(c: char) -> Self {
        let text = c.to_string();
        let is = |class| js_sys::RegExp::new(class, "u").test(&text);
        if is(r"\p{M}") {
            Self::Mark
        } else if is(r"\p{C}") {
            Self::Hidden
        } else {
            Self::Other
        }
    }
}
