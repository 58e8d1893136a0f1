//! Names in errors: the one that was probably meant, and all that there are.

use std::fmt;

/// The key that was probably meant: the nearest, or one that this one abbreviates or spells out.
pub(super) fn meant<'n>(key: &str, keys: &[&'n str]) -> Option<&'n str> {
    let longer = |known: &str| key.len() > 2 && (known.starts_with(key) || key.starts_with(known)) && known.len() > 2;
    nearest(key, keys.iter().copied()).or_else(|| keys.iter().copied().find(|known| longer(known)))
}

/// The one of several names that was probably meant.
pub(super) fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let name = name.to_ascii_lowercase().replace('-', "_");
    let distance = |other: &str| strsim::damerau_levenshtein(&name, &other.to_ascii_lowercase().replace('-', "_"));
    let nearest = names.map(|other| (distance(other), other)).min_by_key(|(distance, _)| *distance);
    nearest.filter(|(distance, other)| *distance <= (other.chars().count() / 3).max(1)).map(|(_, other)| other)
}

/// "`a`, `b` and `c`".
pub(super) fn listed<N: fmt::Display>(names: impl Iterator<Item = N>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        let keys = ["host", "port", "security", "password"];
        assert_eq!(nearest("prot", keys.into_iter()), Some("port"));
        assert_eq!(nearest("Passwrd", keys.into_iter()), Some("password"));
        assert_eq!(nearest("colour", keys.into_iter()), None);
        assert_eq!(meant("enviroment", &["file", "env"]), Some("env"));
        assert_eq!(meant("user", &["from", "username"]), Some("username"));
        assert_eq!(nearest("", std::iter::empty()), None);
    }

    #[test]
    fn names_are_listed_as_in_a_sentence() {
        assert_eq!(listed(["a"].iter()), "`a`");
        assert_eq!(listed(["a", "b", "c"].iter()), "`a`, `b` and `c`");
    }
}
