# Files mail by the header X-Backstop, which Backstop alone writes: it removes those that came with a message.
# verdict=tag means that a rule spoke against the message, and would=reject that mode enforce would have refused it.
require ["fileinto", "mailbox"];

# Answers of people to mail that somebody sent in your name. Nothing else speaks against them.
if header :contains "X-Backstop" " reason=reply_to_forgery" {
    fileinto :create "Forgeries";
    stop;
}

if anyof (header :matches "X-Backstop" "verdict=tag *",
          header :contains "X-Backstop" [" would=reject", " would=tempfail"]) {
    fileinto :create "Junk";
    stop;
}
