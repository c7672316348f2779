//! `users`: accounts, at the console of the machine. Whoever has the data directory may do all of
//! this: there is nobody to ask.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use domain::{AccountName, Grant, Lang, Role, Scope, Timestamp, TokenScope};
use pipeline::accounts::{Account, AccountChange, Accounts};
use pipeline::gate::Gate;
use privacy::{password, totp};

use super::Ending;
use crate::args::{Global, NewPassword, UsersAction};
use crate::house::House;
use crate::print;

/// The longest name that is shown, in characters.
const SHOWN_MAX: usize = 100;
/// The longest label of a token, in characters.
const LABEL_MAX: usize = 64;
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// The gate of a house.
pub fn gate(house: &House) -> Gate {
    let desk = &house.desk;
    Gate::new(
        Arc::new(house.sql.clone()),
        desk.vault.secrets.account_key(),
        desk.clock.clone(),
    )
}

/// Runs `users`.
///
/// # Errors
/// When there is no such account, or what is asked cannot be.
pub async fn users(global: &Global, action: Option<&UsersAction>) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    let office = Office {
        gate: gate(&house),
        house,
        lang: global.lang,
        json: global.json,
    };
    match action {
        None => office.list().await?,
        Some(UsersAction::Add {
            account,
            name,
            roles,
            password,
            no_password,
        }) => {
            let password = (!no_password).then_some(password);
            office
                .add(account, name.as_deref(), roles, password)
                .await?;
        }
        Some(UsersAction::Role {
            account,
            give,
            take,
        }) => office.role(account, give, take).await?,
        Some(UsersAction::Disable { account }) => office.disable(account, true).await?,
        Some(UsersAction::Enable { account }) => office.disable(account, false).await?,
        Some(UsersAction::Password { account, password }) => {
            office.password(account, password).await?;
        }
        Some(UsersAction::Code { account, remove }) => office.code(account, *remove).await?,
        Some(UsersAction::Sessions { account, end }) => office.sessions(account, *end).await?,
        Some(UsersAction::Tokens {
            account,
            add,
            uses,
            days,
            end,
        }) => match (add, end) {
            (Some(label), _) => office.add_token(account, label, uses, *days).await?,
            (None, Some(label)) => office.end_token(account, label).await?,
            (None, None) => office.tokens(account).await?,
        },
        Some(UsersAction::History { account }) => office.history(account.as_ref()).await?,
    }
    Ok(Ending::Done)
}

struct Office {
    house: House,
    gate: Gate,
    lang: Lang,
    json: bool,
}

impl Office {
    fn accounts(&self) -> &dyn Accounts {
        self.gate.accounts.as_ref()
    }

    fn change(&self, account: &AccountName, what: impl Into<String>) -> AccountChange {
        AccountChange {
            at: self.gate.now(),
            account: account.clone(),
            by: console(),
            what: what.into(),
        }
    }

    async fn account(&self, name: &AccountName) -> Result<Account> {
        let found = self.accounts().account(name).await?;
        found.with_context(|| match self.lang {
            Lang::Fr => format!("aucun compte `{name}` : `greffier users` les liste"),
            Lang::En => format!("no account `{name}`: `greffier users` lists them"),
        })
    }

    async fn put(&self, account: &Account, what: impl Into<String>) -> Result<()> {
        let change = self.change(&account.name, what);
        self.accounts().change_account(account, &change).await?;
        Ok(())
    }

    /// Says what was done.
    fn say(&self, fr: String, en: String) -> Result<()> {
        let text = match self.lang {
            Lang::Fr => fr,
            Lang::En => en,
        };
        if self.json {
            return print::json(&serde_json::json!({ "done": text }));
        }
        print::line(text);
        Ok(())
    }

    async fn list(&self) -> Result<()> {
        let all = self.accounts().accounts().await?;
        if self.json {
            let list: Vec<serde_json::Value> = all
                .iter()
                .map(|a| {
                    serde_json::json!({
                        "account": a.name, "name": a.shown, "roles": a.grants,
                        "disabled": a.disabled, "password": a.password.is_some(),
                        "code": a.totp.is_some(), "made_at": a.made_at,
                    })
                })
                .collect();
            return print::json(&list);
        }
        let yes = |is: bool| {
            if is {
                self.lang.pick("oui", "yes")
            } else {
                self.lang.pick("non", "no")
            }
        };
        let rows = all
            .iter()
            .map(|a| {
                let roles: Vec<String> = a.grants.iter().map(Grant::to_string).collect();
                vec![
                    a.name.to_string(),
                    a.shown.clone(),
                    roles.join(", "),
                    yes(!a.disabled).to_owned(),
                    yes(a.totp.is_some()).to_owned(),
                ]
            })
            .collect();
        print::table(
            &[
                self.lang.pick("compte", "account"),
                self.lang.pick("nom", "name"),
                self.lang.pick("rôles", "roles"),
                self.lang.pick("en service", "in use"),
                self.lang.pick("code à usage unique", "one-time code"),
            ],
            rows,
        );
        Ok(())
    }

    async fn add(
        &self,
        name: &AccountName,
        shown: Option<&str>,
        roles: &[Grant],
        password: Option<&NewPassword>,
    ) -> Result<()> {
        self.check_scopes(roles)?;
        let administers = roles.iter().any(|g| g.role == Role::Administrator);
        let first = !self.accounts().any_account().await?;
        ensure!(
            administers || !first,
            self.lang.pick(
                "le premier compte doit être celui d’un administrateur (--role administrator) : dès qu’il existe, tout le monde se connecte",
                "the first account must be an administrator's (--role administrator): once it is there, everybody signs in"
            )
        );
        ensure!(
            !first || password.is_some(),
            "the first account needs a password: leave --no-password out"
        );
        let shown = shown.unwrap_or(name.as_str()).trim();
        ensure!(
            !shown.is_empty()
                && shown.chars().count() <= SHOWN_MAX
                && !shown.chars().any(char::is_control),
            "`--name` has 1 to {SHOWN_MAX} readable characters"
        );
        let account = Account {
            name: name.clone(),
            shown: shown.to_owned(),
            grants: sorted(roles.to_vec()),
            password: match password {
                Some(how) => Some(self.new_password(how)?),
                None => None,
            },
            totp: None,
            totp_used: None,
            disabled: false,
            made_at: self.gate.now(),
        };
        let what = format!("add {}", written(&account.grants));
        let change = self.change(name, what);
        ensure!(
            self.accounts().add_account(&account, &change).await?,
            match self.lang {
                Lang::Fr => format!("il y a déjà un compte `{name}`"),
                Lang::En => format!("there is an account `{name}` already"),
            }
        );
        self.say(
            format!(
                "{name} : le compte est ouvert ({})",
                written(&account.grants)
            ),
            format!("{name}: the account is open ({})", written(&account.grants)),
        )
    }

    /// A role over what does not exist would let its owner see nothing, and nobody would know why.
    fn check_scopes(&self, grants: &[Grant]) -> Result<()> {
        let pipelines = &self.house.desk.pipelines;
        for grant in grants {
            match &grant.scope {
                Scope::Everything => {}
                Scope::Pipeline(name) => drop(pipelines.get(name)?),
                Scope::Service(id) => {
                    let known = pipelines.iter().any(|p| p.service(id.as_str()).is_ok());
                    if !known {
                        let services = pipelines.iter().flat_map(|p| &p.source.file.services);
                        let mut ids: Vec<String> = services.map(|s| s.id().to_string()).collect();
                        ids.sort();
                        ids.dedup();
                        bail!(
                            "`{grant}`: no pipeline has a service `{id}`: there are {}",
                            ids.join(", ")
                        );
                    }
                }
            }
        }
        Ok(())
    }

    async fn role(&self, name: &AccountName, give: &[Grant], take: &[Grant]) -> Result<()> {
        self.check_scopes(give)?;
        let mut account = self.account(name).await?;
        for grant in take {
            ensure!(
                account.grants.contains(grant),
                "{name} has no role `{grant}`: {}",
                written(&account.grants)
            );
        }
        account.grants.retain(|grant| !take.contains(grant));
        account.grants.extend_from_slice(give);
        account.grants = sorted(account.grants);
        self.someone_administers(&account).await?;
        let what = give.iter().map(|g| format!("give {g}"));
        let what: Vec<String> = what
            .chain(take.iter().map(|g| format!("take {g}")))
            .collect();
        self.put(&account, what.join(", ")).await?;
        let now = written(&account.grants);
        self.say(format!("{name} : {now}"), format!("{name}: {now}"))
    }

    /// With nobody left who administers, nobody could be let in again but from here; and an account
    /// that was made by mistake as the last one would hide that.
    async fn someone_administers(&self, changed: &Account) -> Result<()> {
        let administers = |account: &Account| {
            !account.disabled && account.grants.iter().any(|g| g.role == Role::Administrator)
        };
        let all = self.accounts().accounts().await?;
        let others = all.iter().filter(|account| account.name != changed.name);
        ensure!(
            administers(changed) || others.into_iter().any(administers),
            self.lang.pick(
                "c’est le dernier administrateur : nommez-en d’abord un autre",
                "this is the last administrator: name another one first"
            )
        );
        Ok(())
    }

    async fn disable(&self, name: &AccountName, disabled: bool) -> Result<()> {
        let mut account = self.account(name).await?;
        account.disabled = disabled;
        self.someone_administers(&account).await?;
        self.put(&account, if disabled { "disable" } else { "enable" })
            .await?;
        if disabled {
            self.accounts().end_sessions(name).await?;
            return self.say(
                format!("{name} : le compte n’est plus en service, ses sessions sont closes"),
                format!("{name}: the account is not in use any more, its sessions are over"),
            );
        }
        self.say(
            format!("{name} : le compte est de nouveau en service"),
            format!("{name}: the account is in use again"),
        )
    }

    async fn password(&self, name: &AccountName, how: &NewPassword) -> Result<()> {
        let mut account = self.account(name).await?;
        account.password = Some(self.new_password(how)?);
        self.put(&account, "password").await?;
        self.accounts().end_sessions(name).await?;
        self.say(
            format!("{name} : le mot de passe est changé, ses sessions sont closes"),
            format!("{name}: the password is changed, its sessions are over"),
        )
    }

    async fn code(&self, name: &AccountName, remove: bool) -> Result<()> {
        let mut account = self.account(name).await?;
        if remove {
            account.totp = None;
            self.put(&account, "code removed").await?;
            return self.say(
                format!("{name} : aucun code n’est plus demandé"),
                format!("{name}: no code is asked any more"),
            );
        }
        let secret = totp::new_secret()?;
        account.totp = Some(self.gate.seal_totp(name, &secret)?);
        self.put(&account, "code").await?;
        let secret = totp::written(&secret);
        let address = format!(
            "otpauth://totp/Greffier:{name}?secret={}&issuer=Greffier",
            *secret
        );
        if self.json {
            return print::json(&serde_json::json!({ "secret": *secret, "address": address }));
        }
        print::line(self.lang.pick(
            "À saisir dans l’application d’authentification ; cela ne sera plus affiché :",
            "For the authenticator; it will not be shown again:",
        ));
        print::line(&*secret);
        print::line(address);
        Ok(())
    }

    async fn sessions(&self, name: &AccountName, end: bool) -> Result<()> {
        self.account(name).await?;
        if end {
            let ended = self.accounts().end_sessions(name).await?;
            let change = self.change(name, "sessions ended");
            let account = self.account(name).await?;
            self.accounts().change_account(&account, &change).await?;
            return self.say(
                format!("{name} : {ended} sessions closes"),
                format!("{name}: {ended} sessions ended"),
            );
        }
        let all = self.accounts().sessions_of(name).await?;
        if self.json {
            let list: Vec<serde_json::Value> = all
                .iter()
                .map(|s| {
                    serde_json::json!({
                        "made_at": s.made_at, "seen_at": s.seen_at, "expires_at": s.expires_at,
                    })
                })
                .collect();
            return print::json(&list);
        }
        let rows = all
            .iter()
            .map(|s| [s.made_at, s.seen_at, s.expires_at].map(minute).to_vec())
            .collect();
        print::table(
            &[
                self.lang.pick("depuis", "since"),
                self.lang.pick("vu le", "last seen"),
                self.lang.pick("au plus tard jusqu’au", "until at most"),
            ],
            rows,
        );
        Ok(())
    }

    async fn add_token(
        &self,
        name: &AccountName,
        label: &str,
        uses: &[TokenScope],
        days: u16,
    ) -> Result<()> {
        let account = self.account(name).await?;
        let label = label.trim();
        ensure!(
            !label.is_empty()
                && label.chars().count() <= LABEL_MAX
                && !label.chars().any(char::is_control),
            "a label has 1 to {LABEL_MAX} readable characters"
        );
        let uses = match uses {
            [] => vec![TokenScope::Read],
            uses => uses.to_vec(),
        };
        let lasts = i64::from(days) * DAY;
        let made = self
            .gate
            .new_token(name, label, uses.clone(), lasts)
            .await?;
        let token = made.with_context(|| match self.lang {
            Lang::Fr => format!("{name} a déjà un jeton `{label}` : --end l’arrête"),
            Lang::En => format!("{name} has a token `{label}` already: --end ends it"),
        })?;
        let uses: Vec<&str> = uses.iter().map(|scope| scope.as_str()).collect();
        let what = format!("token {label} for {}", uses.join(" "));
        self.put(&account, what).await?;
        let token = token.written();
        if self.json {
            return print::json(&serde_json::json!({ "token": *token }));
        }
        print::note(self.lang.pick(
            "Le jeton ne sera plus affiché :",
            "The token will not be shown again:",
        ));
        print::line(&*token);
        Ok(())
    }

    async fn end_token(&self, name: &AccountName, label: &str) -> Result<()> {
        let account = self.account(name).await?;
        ensure!(
            self.accounts().end_token(name, label).await?,
            match self.lang {
                Lang::Fr => format!("{name} n’a pas de jeton `{label}`"),
                Lang::En => format!("{name} has no token `{label}`"),
            }
        );
        self.put(&account, format!("token {label} ended")).await?;
        self.say(
            format!("{name} : le jeton {label} ne sert plus"),
            format!("{name}: the token {label} serves no more"),
        )
    }

    async fn tokens(&self, name: &AccountName) -> Result<()> {
        self.account(name).await?;
        let all = self.accounts().tokens_of(name).await?;
        if self.json {
            let list: Vec<serde_json::Value> = all
                .iter()
                .map(|t| {
                    serde_json::json!({
                        "label": t.label, "for": t.uses, "made_at": t.made_at,
                        "seen_at": t.seen_at, "expires_at": t.expires_at,
                    })
                })
                .collect();
            return print::json(&list);
        }
        let rows = all
            .iter()
            .map(|t| {
                let uses: Vec<&str> = t.uses.iter().map(|scope| scope.as_str()).collect();
                vec![
                    t.label.clone(),
                    uses.join(", "),
                    minute(t.made_at),
                    t.seen_at.map(minute).unwrap_or_default(),
                    minute(t.expires_at),
                ]
            })
            .collect();
        print::table(
            &[
                self.lang.pick("jeton", "token"),
                self.lang.pick("pour", "for"),
                self.lang.pick("depuis", "since"),
                self.lang.pick("utilisé le", "last used"),
                self.lang.pick("jusqu’au", "until"),
            ],
            rows,
        );
        Ok(())
    }

    async fn history(&self, name: Option<&AccountName>) -> Result<()> {
        let all = self.accounts().account_changes(name).await?;
        if self.json {
            let list: Vec<serde_json::Value> = all
                .iter()
                .map(|c| {
                    serde_json::json!({
                        "at": c.at, "account": c.account, "by": c.by, "what": c.what,
                    })
                })
                .collect();
            return print::json(&list);
        }
        let rows = all
            .into_iter()
            .map(|c| vec![minute(c.at), c.account.to_string(), c.what, c.by])
            .collect();
        print::table(
            &[
                self.lang.pick("quand", "when"),
                self.lang.pick("compte", "account"),
                self.lang.pick("quoi", "what"),
                self.lang.pick("par", "by"),
            ],
            rows,
        );
        Ok(())
    }

    /// The hash of a password that is told in a file, or typed twice.
    fn new_password(&self, how: &NewPassword) -> Result<String> {
        let typed = match how.password_file.as_deref() {
            Some(file) => first_line(file)?,
            None => self.ask()?,
        };
        Ok(password::hash(&typed)?)
    }

    fn ask(&self) -> Result<String> {
        ensure!(
            std::io::stdin().is_terminal(),
            self.lang.pick(
                "le mot de passe se tape au terminal ; sinon --password-file FICHIER, ou - pour l’entrée standard",
                "the password is typed at a terminal; else --password-file FILE, or - for standard input"
            )
        );
        let ask = |what: &str| {
            rpassword::prompt_password(what)
                .context("the password cannot be read from the terminal")
        };
        let first = ask(self.lang.pick("Mot de passe : ", "Password: "))?;
        password::check(&first)?;
        let again = ask(self.lang.pick("Encore une fois : ", "Once more: "))?;
        ensure!(
            first == again,
            self.lang.pick(
                "ce n’est pas deux fois le même mot de passe",
                "these are two different passwords"
            )
        );
        Ok(first)
    }
}

fn first_line(file: &Path) -> Result<String> {
    let mut line = String::new();
    if file == Path::new("-") {
        std::io::stdin().lock().read_line(&mut line)?;
    } else {
        let opened =
            std::fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
        std::io::BufReader::new(opened)
            .read_line(&mut line)
            .with_context(|| format!("cannot read {}", file.display()))?;
    }
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

fn sorted(mut grants: Vec<Grant>) -> Vec<Grant> {
    grants.sort();
    grants.dedup();
    grants
}

fn written(grants: &[Grant]) -> String {
    let words: Vec<String> = grants.iter().map(Grant::to_string).collect();
    words.join(" ")
}

/// A moment, to the minute.
fn minute(at: Timestamp) -> String {
    at.to_string()
        .get(..16)
        .unwrap_or_default()
        .replace('T', " ")
}

/// The user of the machine who is at its console.
fn console() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok())
        .filter(|user| !user.is_empty());
    user.unwrap_or_else(|| "console".to_owned())
}
