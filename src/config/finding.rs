//! What is wrong with a configuration, or worth pointing out in it.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::source::{Excerpt, Place, Source};

/// A sentence about a place in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub title: String,
    pub excerpt: Option<Excerpt>,
    pub label: Option<String>,
    pub help: Option<String>,
}

impl Finding {
    /// A finding about no place in the file, such as that the file cannot be read.
    pub fn new(title: impl Into<String>) -> Finding {
        Finding { title: title.into(), excerpt: None, label: None, help: None }
    }

    /// What stands beside the caret.
    pub fn label(&mut self, label: impl Into<String>) -> &mut Finding {
        self.label = Some(label.into());
        self
    }

    /// What to do.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Finding {
        self.help = Some(help.into());
        self
    }

    fn render(&self, level: Level<'_>, renderer: &Renderer) -> String {
        let mut group =
            level.primary_title(&self.title).elements(Vec::<Snippet<'_, annotate_snippets::Annotation>>::new());
        if let Some(excerpt) = &self.excerpt {
            let marked = AnnotationKind::Primary.span(excerpt.marked.clone()).label(self.label.as_deref());
            let snippet = Snippet::source(&excerpt.text).line_start(excerpt.place.line).path(&excerpt.place.file);
            group = group.element(snippet.annotation(marked));
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help));
        }
        renderer.render(&[group])
    }
}

/// Everything that is wrong with a configuration, at least one thing. Nothing secret is in it: passwords in
/// the lines that it shows are hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    findings: Vec<Finding>,
}

impl ConfigError {
    /// As `rustc` shows errors: the sentence, the file with line and column, the line, a caret, and what to do;
    /// with colour for a terminal or without.
    pub fn render(&self, colour: bool) -> String {
        let rendered: Vec<String> = self.findings.iter().map(|f| f.render(Level::ERROR, &renderer(colour))).collect();
        rendered.join("\n\n")
    }

    /// The sentences alone, each with its place where it has one.
    pub fn problems(&self) -> impl Iterator<Item = (Option<&Place>, &str)> {
        self.findings.iter().map(|finding| (finding.excerpt.as_ref().map(|e| &e.place), finding.title.as_str()))
    }
}

impl From<Finding> for ConfigError {
    fn from(finding: Finding) -> ConfigError {
        ConfigError { findings: vec![finding] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for ConfigError {}

/// Something that works, and is worth knowing about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    finding: Finding,
}

impl Notice {
    /// Where it is, unless it is about the file as a whole.
    pub fn place(&self) -> Option<&Place> {
        self.finding.excerpt.as_ref().map(|excerpt| &excerpt.place)
    }

    /// What is pointed out, as a sentence without its full stop.
    pub fn text(&self) -> &str {
        &self.finding.title
    }

    /// As a warning of `rustc`, with colour for a terminal or without.
    pub fn render(&self, colour: bool) -> String {
        self.finding.render(Level::WARNING, &renderer(colour))
    }
}

impl From<Finding> for Notice {
    fn from(finding: Finding) -> Notice {
        Notice { finding }
    }
}

/// On one line: `mailtrip.toml:4:1: …`.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Place { file, line, column }) = self.place() {
            write!(f, "{file}:{line}:{column}: ")?;
        }
        f.write_str(self.text())
    }
}

fn renderer(colour: bool) -> Renderer {
    if colour { Renderer::styled() } else { Renderer::plain() }
}

/// More findings than this help nobody, and each costs a reading of the file.
const MOST: usize = 100;

/// Collects findings while a configuration is read, so that all of them are told at once.
pub(super) struct Findings<'a> {
    pub source: &'a Source,
    errors: Vec<Finding>,
    notices: Vec<Finding>,
}

impl<'a> Findings<'a> {
    pub fn new(source: &'a Source) -> Findings<'a> {
        Findings { source, errors: Vec::new(), notices: Vec::new() }
    }

    /// Something is wrong at a place.
    pub fn error(&mut self, span: Range<usize>, title: impl Into<String>) -> &mut Finding {
        push(&mut self.errors, title.into(), Some((self.source, span)))
    }

    /// Something is wrong at no place in the file.
    pub fn error_nowhere(&mut self, title: impl Into<String>) -> &mut Finding {
        push(&mut self.errors, title.into(), None)
    }

    /// Something is worth pointing out.
    pub fn notice(&mut self, span: Range<usize>, title: impl Into<String>) -> &mut Finding {
        push(&mut self.notices, title.into(), Some((self.source, span)))
    }

    /// Whether anything is wrong.
    pub fn any_error(&self) -> bool {
        !self.errors.is_empty()
    }

    /// What was read, if nothing is wrong; the errors otherwise, in the order of the file.
    pub fn finish<T>(self, read: T) -> Result<(T, Vec<Notice>), ConfigError> {
        if self.errors.is_empty() {
            return Ok((read, in_order(self.notices).into_iter().map(Notice::from).collect()));
        }
        Err(ConfigError { findings: in_order(self.errors) })
    }
}

/// Adds a finding; beyond [`MOST`], in place of the last.
fn push<'f>(findings: &'f mut Vec<Finding>, title: String, place: Option<(&Source, Range<usize>)>) -> &'f mut Finding {
    findings.truncate(MOST - 1);
    let excerpt = place.filter(|_| findings.len() < MOST - 1).map(|(source, span)| source.excerpt(span));
    let at = findings.len();
    findings.push(Finding { excerpt, ..Finding::new(title) });
    &mut findings[at]
}

/// In the order of the file, and each finding once.
fn in_order(findings: Vec<Finding>) -> Vec<Finding> {
    let mut ordered: Vec<Finding> = Vec::new();
    for finding in findings {
        if !ordered.contains(&finding) {
            ordered.push(finding);
        }
    }
    ordered.sort_by_key(|finding| finding.excerpt.as_ref().map(|e| (e.place.line, e.place.column)));
    ordered
}
