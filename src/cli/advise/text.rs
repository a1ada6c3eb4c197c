//! Advice as a terminal has it: at most 100 columns.

use crate::core::advise::{Advice, Step, Weight, wrapped};

/// The longest line.
const WIDTH: usize = 96;

/// The text, without a line end behind it.
pub fn text(advice: &Advice) -> String {
    let mut page = Page(Vec::new());
    let used = match advice.purpose {
        "transactional" => "only programs send with it",
        "never_sends" => "nothing is sent with it",
        _ => "people write with it",
    };
    page.0.push(format!("{} ({used})", advice.domain));
    page.paragraph("", &advice.counted);
    page.title("What is published");
    for found in &advice.published {
        page.paragraph(&format!("  {:<6}", found.what), &found.record);
    }
    page.title("What is wrong with it");
    let mut said = false;
    for (weight, mark) in [
        (Weight::Wrong, "  ! "),
        (Weight::Note, "  - "),
        (Weight::Unanswered, "  ? "),
    ] {
        for finding in advice
            .findings
            .iter()
            .filter(|finding| finding.weight == weight)
        {
            said = true;
            page.paragraph(mark, &format!("{}: {}", finding.about, finding.text));
        }
    }
    if !said {
        page.0.push("  nothing".to_owned());
    }
    if !advice.questions.is_empty() {
        page.title("Questions: only you know");
        for question in &advice.questions {
            page.paragraph("  - ", question);
        }
    }
    for (at, step) in advice.steps.iter().enumerate() {
        page.step(at + 1, step);
    }
    page.0.push(String::new());
    page.paragraph("", &advice.end);
    page.0.join("\n")
}

struct Page(Vec<String>);

impl Page {
    fn title(&mut self, title: &str) {
        self.0.push(String::new());
        self.0.push(title.to_owned());
    }

    /// A text behind a mark; its further lines stand below the first one.
    fn paragraph(&mut self, mark: &str, text: &str) {
        let indent = " ".repeat(mark.len());
        for (at, line) in wrapped(text, WIDTH - mark.len()).into_iter().enumerate() {
            let begin = if at == 0 { mark } else { &indent };
            self.0.push(format!("{begin}{line}"));
        }
    }

    fn step(&mut self, number: usize, step: &Step) {
        let done = if step.done { " - done already" } else { "" };
        self.title(&format!("Step {number}: {}{done}", step.title));
        if step.done {
            return;
        }
        for record in &step.records {
            for line in record.lines() {
                self.0.push(format!("    {line}"));
            }
        }
        for note in &step.notes {
            self.paragraph("  - ", note);
        }
        self.paragraph("  breaks: ", &step.breaks);
        self.paragraph("  against a joe job: ", step.does);
        self.paragraph("  but: ", step.does_not);
    }
}
