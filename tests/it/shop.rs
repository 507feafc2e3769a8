//! The shop of the demo: its history holds changes of every kind, and exactly what each must select.

use crate::sandbox::{Sandbox, projects};

/// S1, S2, S3, S5: each commit selects exactly what it can break.
#[test]
fn every_commit_of_the_shop_selects_exactly_what_it_can_break() {
    let shop = Sandbox::empty();
    affected_fixtures::shop(shop.path()).unwrap();
    let commits = affected_fixtures::history().unwrap();
    for (at, commit) in commits.iter().enumerate() {
        let head = format!("main~{}", commits.len() - 1 - at);
        let list = shop.list(&["--base", &format!("{head}~1"), "--head", &head]);
        let reached =
            |wanted: &'static str| projects(&list, move |project| project["reach"] == wanted);
        assert_eq!(
            projects(&list, |project| project["affected"] == true),
            commit.affected.join(" "),
            "{}",
            commit.name
        );
        assert_eq!(
            reached("runtime"),
            commit.runtime.join(" "),
            "{}",
            commit.name
        );
    }
}
