//! Runs the simulated org until it is interrupted.

mod object_file;

use std::{io, path::PathBuf, time::Duration};

use clap::{Args, Parser};
use salesforce_sim::{Credentials, Fault, Nature, ParseFaultError, RandomFaults, Settings, SimulatedOrg};

/// Runs a simulated Salesforce org on the loopback until Ctrl-C, and prints what a client needs to sign in.
#[derive(Debug, Parser)]
#[command(name = "salesforce_sim")]
struct Arguments {
    /// The port to listen on; 0 takes a free port.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The seconds that a job waits before each batch of 10,000 rows.
    #[arg(long, default_value_t = 0.0, value_name = "SECONDS")]
    seconds_per_batch: f64,
    /// The seconds that a job waits before each chunk of 200 rows.
    #[arg(long, default_value_t = 0.0, value_name = "SECONDS")]
    seconds_per_chunk: f64,
    /// The seconds that a query job is in progress.
    #[arg(long, default_value_t = 0.0, value_name = "SECONDS")]
    seconds_per_query: f64,
    /// The seconds that the org takes to describe an object.
    #[arg(long, default_value_t = 0.0, value_name = "SECONDS")]
    seconds_per_describe: f64,
    /// The seconds by which the clock of the org goes forward at the end of each ingest job.
    #[arg(long, default_value_t = 0.0, value_name = "SECONDS")]
    clock_step: f64,
    /// The number of additional custom objects.
    #[arg(long, default_value_t = 0, value_name = "N")]
    objects: usize,
    /// A file with custom objects: a JSON array, in the words of a describe.
    #[arg(long, value_name = "FILE")]
    objects_from: Option<PathBuf>,
    /// The daily API requests.
    #[arg(long, default_value_t = Settings::default().daily_requests, value_name = "N")]
    daily_requests: u64,
    /// The daily bulk batches.
    #[arg(long, default_value_t = Settings::default().daily_batches, value_name = "N")]
    daily_batches: u64,
    /// The daily query jobs.
    #[arg(long, default_value_t = Settings::default().daily_query_jobs, value_name = "N")]
    daily_query_jobs: u64,
    /// Return a new refresh token with each refresh.
    #[arg(long)]
    rotate_refresh_tokens: bool,
    /// Refuse sign-ins at the login host.
    #[arg(long)]
    my_domain_only: bool,
    /// Remove the "Bulk API Hard Delete" permission from the user.
    #[arg(long)]
    no_hard_delete: bool,
    /// Enable person accounts.
    #[arg(long)]
    person_accounts: bool,
    /// How often queries return and count each record.
    #[arg(long, default_value_t = Settings::default().query_repeats, value_name = "N")]
    repeat_records: usize,
    /// Forget the upload and the created records of a job that completed without a failed row.
    #[arg(long)]
    forgetful: bool,
    /// Do all the time what documents allow and loaders do not expect.
    #[arg(long)]
    harsh: bool,
    #[command(flatten)]
    nature: NatureArguments,
    /// Let a row refer to a record that an earlier row of its chunk creates.
    #[arg(long)]
    references_within_chunk: bool,
    /// The RSA public key in PEM that verifies assertions of the JWT bearer flow.
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// A fault, in the syntax of the README, such as "upload lost". Can be repeated.
    #[arg(long, value_name = "FAULT", value_parser = fault_text)]
    fault: Vec<String>,
    /// The share of requests, from 0 to 1, with a random fault.
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    fault_rate: f64,
    /// Decides the order of result rows and the random faults.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// What the org does all the time. Each switch is a part of `--harsh`, except `--counts-lag`.
#[derive(Debug, Args)]
struct NatureArguments {
    /// Return empty cells in result sets for columns whose names are not spelt as the org spells them.
    #[arg(long)]
    blank_echoes: bool,
    /// Return the columns of result sets in another order, and their names in capitals.
    #[arg(long)]
    respell_results: bool,
    /// Return result sets in two pages.
    #[arg(long)]
    page_results: bool,
    /// Return the records of queries in no useful order.
    #[arg(long)]
    mix_records: bool,
    /// The number of readings of each page of a query job that break off.
    #[arg(long, default_value_t = 0, value_name = "READINGS")]
    cut_query_pages: usize,
    /// Pack the results of query jobs with GZIP for a client that takes it.
    #[arg(long)]
    compress_results: bool,
    /// The number of requests for each result set of a job that come too early.
    #[arg(long, default_value_t = 0, value_name = "REQUESTS")]
    results_lag: usize,
    /// The number of requests for the status of an ended job that show it in progress.
    #[arg(long, default_value_t = 0, value_name = "REQUESTS")]
    status_lag: usize,
    /// The number of requests for the status of an ended job that show none of its rows.
    #[arg(long, default_value_t = 0, value_name = "REQUESTS")]
    counts_lag: usize,
    /// The number of chunks of 200 rows that a failed or aborted job goes on to save.
    #[arg(long, default_value_t = 0, value_name = "CHUNKS")]
    save_late: usize,
    /// Report lost sessions with the status 401, 403 or 400.
    #[arg(long)]
    vary_lost_sessions: bool,
    /// Give every tenth answer 50 ms late.
    #[arg(long)]
    slow_answers: bool,
}

impl From<NatureArguments> for Nature {
    fn from(arguments: NatureArguments) -> Self {
        Self {
            blanks_echoes: arguments.blank_echoes,
            respells_results: arguments.respell_results,
            pages_results: arguments.page_results,
            mixes_records: arguments.mix_records,
            cuts_query_pages: arguments.cut_query_pages,
            compresses_results: arguments.compress_results,
            results_lag: arguments.results_lag,
            status_lag: arguments.status_lag,
            counts_lag: arguments.counts_lag,
            saves_late: arguments.save_late,
            varies_lost_sessions: arguments.vary_lost_sessions,
            slows_answers: arguments.slow_answers,
        }
    }
}

/// Checks the text of a fault. Arguments must be cloneable and faults are not, so the text is kept.
fn fault_text(text: &str) -> Result<String, ParseFaultError> {
    text.parse::<Fault>().map(|_| text.to_owned())
}

impl Arguments {
    fn faults(&self) -> Result<Vec<Fault>, ParseFaultError> {
        let random = (self.fault_rate > 0.0).then(|| Ok(RandomFaults::new(self.fault_rate, self.seed).into()));
        self.fault.iter().map(|text| text.parse()).chain(random).collect()
    }

    fn settings(self) -> io::Result<Settings> {
        let public_key = self.public_key.map(std::fs::read_to_string).transpose()?;
        let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).map_err(io::Error::other);
        Ok(Settings {
            port: self.port,
            credentials: Credentials { public_key, ..Credentials::default() },
            rotate_refresh_tokens: self.rotate_refresh_tokens,
            my_domain_only: self.my_domain_only,
            hard_delete: !self.no_hard_delete,
            person_accounts: self.person_accounts,
            objects: self.objects_from.as_deref().map(object_file::read).transpose()?.unwrap_or_default(),
            extra_objects: self.objects,
            time_per_batch: seconds(self.seconds_per_batch)?,
            time_per_chunk: seconds(self.seconds_per_chunk)?,
            time_per_query: seconds(self.seconds_per_query)?,
            time_per_describe: seconds(self.seconds_per_describe)?,
            clock_step: seconds(self.clock_step)?,
            daily_requests: self.daily_requests,
            daily_batches: self.daily_batches,
            daily_query_jobs: self.daily_query_jobs,
            query_repeats: self.repeat_records,
            forgetful: self.forgetful,
            nature: if self.harsh { Nature::harsh() } else { self.nature.into() },
            references_within_chunk: self.references_within_chunk,
            seed: self.seed,
            ..Settings::default()
        })
    }
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let faults = arguments.faults().map_err(io::Error::other)?;
    let settings = arguments.settings()?;
    let credentials = settings.credentials.clone();
    let org = SimulatedOrg::start(settings).await?;
    faults.into_iter().for_each(|fault| org.inject(fault));
    print_access(&org, &credentials)?;
    tokio::signal::ctrl_c().await
}

/// Prints what a client needs, one `name=value` on each line.
fn print_access(org: &SimulatedOrg, credentials: &Credentials) -> io::Result<()> {
    use io::Write;

    let mut out = io::stdout().lock();
    writeln!(out, "url={}", org.url())?;
    writeln!(out, "login_url={}", org.login_url())?;
    writeln!(out, "client_id={}", credentials.client_id)?;
    writeln!(out, "client_secret={}", credentials.client_secret)?;
    writeln!(out, "refresh_token={}", credentials.refresh_token)?;
    writeln!(out, "username={}", credentials.username)?;
    writeln!(out, "password={}", credentials.password)?;
    writeln!(out, "security_token={}", credentials.security_token)?;
    writeln!(out, "access_token={}", org.sign_in())?;
    out.flush()
}
