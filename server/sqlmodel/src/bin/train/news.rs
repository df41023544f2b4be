//! What a run tells while it goes on.

use tidegate_sqlmodel::train::News;

pub(crate) fn tell(news: &News) {
    match news {
        News::Start {
            weights,
            held,
            refused,
            steps,
        } => {
            println!("{weights} weights, {steps} steps so far, set aside: {held:?}");
            for reason in refused.iter().take(12) {
                println!("  cannot be used: {reason}");
            }
            if refused.len() > 12 {
                println!("  and {} more", refused.len() - 12);
            }
        }
        News::Progress {
            steps,
            seconds,
            loss,
            right,
            rate,
            speed,
            waiting,
        } => println!(
            "step {steps:6}  {seconds:6.0} s  loss {loss:7.4}  right {right:.3}  rate {rate:.2e}  \
             {speed:7.0} questions/s  waiting {:.0} %",
            100.0 * waiting
        ),
        News::Evaluation { steps, tallies } => {
            print!("step {steps:6}  set aside:");
            for (name, tally) in tallies {
                print!(
                    "  {name} {:.3} ({}/{})",
                    tally.share(),
                    tally.right,
                    tally.asked
                );
            }
            println!();
        }
        News::Saved { path, bytes } => println!("saved {} ({bytes} bytes)", path.display()),
        News::Refused(reasons) => {
            let mut reasons: Vec<_> = reasons.iter().collect();
            reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            for (reason, count) in reasons.into_iter().take(20) {
                println!("  {count} generated questions not used: {reason}");
            }
        }
    }
}
