//! What a server shows of a list: a part, or something else than texts.

use super::*;

/// OpenLDAP shows others than its administrator 500 entries, in pages too; what it may not see is not gone.
#[test]
fn a_login_that_sees_a_part_is_told_what_to_ask_for() {
    const READER: &str = "cn=reader,dc=example,dc=org";
    let mut entries = format!(
        "dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: lab\n\n\
         dn: {READER}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\n\
         userPassword: {PASSWORD}\n\n"
    );
    for number in 0..600 {
        entries.push_str(&format!(
            "dn: uid=d{number},{BASE}\nobjectClass: inetOrgPerson\nuid: d{number}\ncn: x\nsn: x\no: d{number}.example\n\n"
        ));
    }
    let hint = format!("limits dn.exact=\"{READER}\" size=unlimited");
    for limits in [None, Some(&hint)] {
        let slapd = Server::with_tree(&Tree {
            schema: "",
            access: &format!(
                "{}\naccess to attrs=userPassword by anonymous auth by * none\n\
                 access to * by dn.exact=\"{READER}\" read\n",
                limits.map_or("", String::as_str)
            ),
            entries: &entries,
        })
        .unwrap();
        let entry = format!(
            "{{ldap: {{url: 'ldap://127.0.0.1:{}', bind_dn: '{READER}', password: \"{PASSWORD}\", base: '{BASE}', \
             filter: '(uid=d*)', attribute: o, timeout: 20s}}}}",
            slapd.port()
        );
        let state = tempfile::tempdir().unwrap();
        let list = lists(&entry, state.path());
        let why = asked(&list).failing.map(|(_, why)| why);
        if limits.is_some() {
            assert_eq!((ours(&list).len(), why), (600, None));
        } else {
            assert_eq!(ours(&list), [""; 0]);
            let why = why.unwrap();
            assert!(why.contains("500 entries") && why.contains(&hint), "{why}");
        }
    }
}

/// What is no text is told as such; one that nobody can read costs none of the others.
#[test]
fn a_column_of_another_type_is_told() {
    each(|holder| {
        let union = "SELECT ''a.example'' UNION ALL SELECT NULL UNION ALL SELECT ''b.example''";
        let (octets, all) = match holder {
            Holder::Server(Kind::Openldap, _) => return,
            Holder::Server(Kind::Postgresql, _) => (
                "SELECT convert_to(''a.example'', ''UTF8'') UNION ALL SELECT decode(''ff'', ''hex'')",
                "SELECT ARRAY[''a.example'', NULL, ''b.example'']",
            ),
            Holder::Server(..) => (
                "SELECT CAST(''a.example'' AS BINARY) UNION ALL SELECT UNHEX(''FF'')",
                union,
            ),
            Holder::File(_) => (
                "SELECT CAST(''a.example'' AS BLOB) UNION ALL SELECT UNHEX(''FF'')",
                union,
            ),
        };
        holder.set(&["a.example"]);
        let asking = |query: &str| {
            let entry = holder.entry(PASSWORD);
            let entry = entry.replace(
                "SELECT name FROM domain WHERE active = 1",
                &format!("'{query}'"),
            );
            let folder = tempfile::tempdir().unwrap();
            let list = lists(&entry, folder.path());
            let state = asked(&list);
            (ours(&list), state.skipped.count, state.failing)
        };
        let (domains, skipped, failing) = asking(octets);
        assert_eq!((domains.len(), skipped), (1, 1), "{failing:?}");
        let (domains, skipped, failing) = asking(all);
        assert_eq!((domains.len(), skipped), (2, 0), "{failing:?}");
        let (domains, _, failing) = asking("SELECT 1");
        assert_eq!(domains.len(), 0);
        let why = failing.unwrap().1;
        assert!(
            why.contains("its first column is a value of the type int"),
            "{why}"
        );
    });
}
