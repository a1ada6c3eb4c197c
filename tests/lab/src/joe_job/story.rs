//! The story, told while it happens.

use std::{
    fs,
    io::{self, Write},
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    thread::sleep,
    time::{Duration, Instant},
};

use super::{
    Options,
    acts::{AFTER, Act, CASES, DAY, MEANWHILE},
    flood::Flood,
    stage::Stage,
    table,
};

/// How long a flood may go unnoticed: it must last half a minute.
const NOTICED: Duration = Duration::from_secs(90);
/// How many bounces of the flood are waited for after that.
const AFTERWARDS: u64 = 60;
/// How often the flood is told of.
const TOLD: Duration = Duration::from_secs(5);

/// What came of it all so far.
#[derive(Default)]
struct Score {
    answers: usize,
    right: usize,
    /// What was wrong beside the answers.
    wrong: Vec<String>,
}

/// Plays everything, and tells it. Whether all was as it should be.
pub(super) fn tell(options: &Options, nameserver: SocketAddr) -> io::Result<(Stage, bool)> {
    say(
        "A joe job against example.org, in real SMTP. A private Postfix, Backstop and a small DNS run on loopback;\n\
         the mail system of this machine is not touched.",
    );
    let stage = Stage::set(options, nameserver)?;
    let mut score = Score::default();

    chapter(
        1,
        "An ordinary day. Joe sends mail, and the usual mail comes.",
    );
    play(&stage, DAY, &mut score)?;

    chapter(
        2,
        "The flood. A spammer has used joe's address, and honest servers all over the world bounce the spam to him.",
    );
    let flood = Flood::of(stage.postfix.smtp_addr());
    let change = besieged(&stage, &flood, &mut score)?;
    let (came, accepted, _) = flood.so_far();
    say(&format!(
        "\n   Now the siege begins, by itself, and what has no proof is refused. Backstop logs:\n\n{}\n   Of the first {came} \
         bounces, {accepted} were accepted with a tag.",
        indented(&wrapped(&change))
    ));

    chapter(
        3,
        "The siege. The flood goes on, and good mail comes with it.",
    );
    play(&stage, MEANWHILE, &mut score)?;
    let later = besieged_flood(&flood, (came, accepted), &mut score);
    say(&format!(
        "   Of the {} bounces of the flood since the siege began, {} were accepted.",
        later.0, later.1
    ));
    let failed = flood.end();
    if failed > (came + later.0) / 10 {
        score
            .wrong
            .push(format!("{failed} sessions of the flood failed"));
    }

    chapter(
        4,
        "The end. A siege ends by itself, after an hour of quiet. So that you need not wait, it is ended by hand:",
    );
    let said = stage.command(&["siege", "off", "example.org"])?;
    say(&format!(
        "   $ backstop siege off example.org\n{}",
        indented(&said)
    ));
    stage.backstop.wait_for_log("siege -> calm")?;
    play(&stage, AFTER, &mut score)?;

    chapter(5, "The report, for you and for the abuse desks of others.");
    let page = options.report.display().to_string();
    let said = stage.command(&["report", "--since", "2h", "--html", &page])?;
    let beginning: Vec<&str> = said
        .lines()
        .take_while(|line| !line.contains("by hour"))
        .collect();
    say(&format!(
        "   $ backstop report --since 2h --html {page}\n{}   The page with charts, for a browser: file://{page}",
        indented(&(beginning.join("\n").trim_end().to_owned() + "\n"))
    ));
    // Root has written it, and who looks at it need not be root.
    fs::set_permissions(&options.report, fs::Permissions::from_mode(0o644))?;

    chapter(6, "Other cases, one by one.");
    play(&stage, CASES, &mut score)?;
    say(&score.summary());
    let is_right = score.is_right();
    Ok((stage, is_right))
}

fn play(stage: &Stage, acts: &'static [Act], score: &mut Score) -> io::Result<()> {
    say(table::heading().trim_end());
    for act in acts {
        let outcome = stage.play(act)?;
        say(table::row_of(&outcome).trim_end_matches('\n'));
        say("");
        score.answers += outcome.recipients.len();
        score.right += outcome
            .recipients
            .iter()
            .filter(|answered| answered.is_right())
            .count();
    }
    Ok(())
}

/// Waits for the siege, tells of the flood meanwhile, and gives the words of the log.
fn besieged(stage: &Stage, flood: &Flood, score: &mut Score) -> io::Result<String> {
    let begun = Instant::now();
    let mut told = Instant::now();
    loop {
        let log = stage.backstop.log_so_far();
        let begins =
            |line: &&str| line.contains("siege of example.org: ") && line.contains("-> siege");
        let line = log.lines().find(begins);
        if let Some((_, change)) = line.and_then(|line| line.split_once("siege of ")) {
            return Ok(format!("siege of {change}"));
        }
        if begun.elapsed() > NOTICED {
            score.wrong.push("the flood was not noticed".to_owned());
            return Ok("nothing".to_owned());
        }
        if told.elapsed() >= TOLD {
            told = Instant::now();
            let (came, accepted, refused) = flood.so_far();
            say(&format!(
                "   {:>3} s {came:>5} bounces: {accepted:>4} accepted with a tag, {refused:>4} to made-up names refused",
                flood.seconds()
            ));
        }
        sleep(Duration::from_millis(100));
    }
}

/// Waits until the flood has gone on for a while: how many came and were accepted since there were `before` of them.
fn besieged_flood(flood: &Flood, before: (u64, u64), score: &mut Score) -> (u64, u64) {
    let begun = Instant::now();
    loop {
        let (came, accepted, _) = flood.so_far();
        let (came, accepted) = (came - before.0, accepted - before.1);
        if came >= AFTERWARDS {
            // Some were on their way when it began.
            if accepted > AFTERWARDS / 4 {
                score.wrong.push("the siege refuses no flood".to_owned());
            }
            return (came, accepted);
        }
        if begun.elapsed() > NOTICED {
            score.wrong.push("the flood has ended by itself".to_owned());
            return (came, accepted);
        }
        sleep(Duration::from_millis(100));
    }
}

impl Score {
    fn is_right(&self) -> bool {
        self.right == self.answers && self.wrong.is_empty()
    }

    fn summary(&self) -> String {
        let next = match self.is_right() {
            true => {
                "Next: README.md says how to install it. It begins in mode monitor, which refuses nothing."
            }
            false => {
                "Rows marked !! are not as they should be; packaging/try --keep leaves the logs to look at."
            }
        };
        let mut text = format!("{} of {} answers are right.\n", self.right, self.answers);
        for wrong in &self.wrong {
            text.push_str(&format!("But {wrong}.\n"));
        }
        text + next
    }
}

fn chapter(number: u8, title: &str) {
    say(&format!(
        "\n{number}. {}\n",
        wrapped(title).replace('\n', "\n   ")
    ));
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("   {line}\n")).collect()
}

/// A long line, for 100 columns.
fn wrapped(line: &str) -> String {
    let mut text = String::new();
    let mut width = 0;
    for word in line.split(' ') {
        if width > 0 && width + word.len() > 92 {
            text.push('\n');
            width = 0;
        }
        if width > 0 {
            text.push(' ');
        }
        text.push_str(word);
        width += word.len() + 1;
    }
    text
}

/// At once, also where nobody sees it on a terminal.
fn say(text: &str) {
    println!("{text}");
    let _ = io::stdout().flush();
}
