//! Markup in the making. Names of elements and attributes are ours, known at compile time; all else gets in as text only.

use std::fmt;

use crate::report::printable::{lines, printable};

/// Elements that end a line of the source, so that it can be read and compared.
const OWN_LINE: &[&str] = &[
    "article",
    "blockquote",
    "caption",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "li",
    "main",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "svg",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
];

/// An element with what is in it.
pub struct Element {
    name: &'static str,
    attributes: String,
    inner: String,
}

/// An empty element of this name.
pub fn tag(name: &'static str) -> Element {
    Element { name, attributes: String::new(), inner: String::new() }
}

/// A heading; none is deeper than the sixth level.
pub fn heading(level: usize) -> Element {
    tag(["h1", "h2", "h3", "h4", "h5"].get(level.saturating_sub(1)).copied().unwrap_or("h6"))
}

impl Element {
    /// With this class, or these.
    pub fn class(self, class: &str) -> Element {
        self.attribute("class", class)
    }

    /// With this attribute.
    pub fn attribute(mut self, name: &'static str, value: &str) -> Element {
        self.attributes += &format!(" {name}=\"{}\"", escape(value));
        self
    }

    /// With this text, on one line.
    pub fn text(mut self, text: &str) -> Element {
        self.inner += &escape(text);
        self
    }

    /// With the lines of this text, word for word.
    pub fn lines(mut self, text: &str) -> Element {
        self.inner += &lines(text).iter().map(|line| escape(line)).collect::<Vec<_>>().join("\n");
        self
    }

    /// With this sentence, in which what stands between backticks is code, as it is in ours.
    pub fn prose(mut self, text: &str) -> Element {
        let parts: Vec<&str> = text.trim().split('`').collect();
        if parts.len().is_multiple_of(2) {
            return self.text(text.trim());
        }
        for (index, part) in parts.into_iter().enumerate() {
            self = if index % 2 == 1 { self.with(tag("code").text(part)) } else { self.text(part) };
        }
        self
    }

    /// With this element in it.
    pub fn with(self, child: Element) -> Element {
        self.all([child])
    }

    /// With these elements in it.
    pub fn all(mut self, children: impl IntoIterator<Item = Element>) -> Element {
        children.into_iter().for_each(|child| self.inner += &child.to_string());
        self
    }

    /// With these elements in it, each on a line of its own.
    pub fn each_on_a_line(mut self, children: impl IntoIterator<Item = Element>) -> Element {
        let children: Vec<String> = children.into_iter().map(|child| child.to_string()).collect();
        self.inner += &children.join("\n");
        self
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Element { name, attributes, inner } = self;
        let first = if inner.ends_with('\n') { "\n" } else { "" };
        let last = if OWN_LINE.contains(name) { "\n" } else { "" };
        write!(f, "<{name}{attributes}>{first}{inner}</{name}>{last}")
    }
}

/// Text for an element or an attribute, on one line. What a terminal would act on, or what would put letters in another
/// order, is written out.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text_in_an_element_and_in_an_attribute() {
        let evil = "</p><script>&amp;\"'\u{202e}\n";
        let safe = "&lt;/p&gt;&lt;script&gt;&amp;amp;&quot;&#39;\\u{202e}\\n";
        assert_eq!(tag("b").attribute("title", evil).text(evil).to_string(), format!("<b title=\"{safe}\">{safe}</b>"));
        assert_eq!(tag("pre").lines("<a>\r\n\tb\x1b\n").to_string(), "<pre>&lt;a&gt;\n b\\x1b</pre>\n");
    }

    #[test]
    fn code_in_a_sentence_is_code_where_backticks_are_in_pairs() {
        let prose = |text| tag("i").prose(text).to_string();
        assert_eq!(prose("set `a = \"<b>\"`."), "<i>set <code>a = &quot;&lt;b&gt;&quot;</code>.</i>");
        assert_eq!(prose("a ` <b>"), "<i>a ` &lt;b&gt;</i>");
    }

    #[test]
    fn elements_in_elements_are_on_lines_of_their_own() {
        let list = tag("ul").all(["a", "b"].map(|text| tag("li").text(text)));
        assert_eq!(list.to_string(), "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n");
        assert_eq!(heading(9).to_string(), "<h6></h6>\n");
    }
}
