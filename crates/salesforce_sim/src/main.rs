//! Runs the simulated org until it is interrupted.

use std::{io, path::PathBuf, time::Duration};

use clap::Parser;
use salesforce_sim::{Credentials, Fault, ParseFaultError, RandomFaults, Settings, SimulatedOrg};

/// A simulated Salesforce org on the loopback.
#[derive(Debug, Parser)]
#[command(name = "salesforce_sim")]
struct Arguments {
    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Seconds that a job waits before each batch of 10,000 rows.
    #[arg(long, default_value_t = 0.0, value_name = "SECONDS")]
    seconds_per_batch: f64,
    /// Seconds that a job waits before each chunk of 200 rows.
    #[arg(long, default_value_t = 0.0, value_name = "SECONDS")]
    seconds_per_chunk: f64,
    /// How many custom objects to make up beside the standard ones.
    #[arg(long, default_value_t = 0, value_name = "N")]
    objects: usize,
    /// API requests a day.
    #[arg(long, default_value_t = Settings::default().daily_requests, value_name = "N")]
    daily_requests: u64,
    /// Bulk batches a day.
    #[arg(long, default_value_t = Settings::default().daily_batches, value_name = "N")]
    daily_batches: u64,
    /// Hand out a new refresh token with each refresh.
    #[arg(long)]
    rotate_refresh_tokens: bool,
    /// Refuse sign-ins at the login host.
    #[arg(long)]
    my_domain_only: bool,
    /// Take the "Bulk API Hard Delete" permission away.
    #[arg(long)]
    no_hard_delete: bool,
    /// Forget the records and the upload of a job that completed without a failed row.
    #[arg(long)]
    forgetful: bool,
    /// The RSA public key in PEM for the JWT bearer flow.
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// Something that goes wrong, in the words of the README; can be given several times.
    #[arg(long, value_name = "FAULT", value_parser = words)]
    fault: Vec<String>,
    /// The share of requests, from 0 to 1, to which something happens at random.
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    fault_rate: f64,
    /// Order of result rows, and choice of what happens at random.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Refuses words that are no fault; a fault itself cannot be cloned, as arguments must be.
fn words(text: &str) -> Result<String, ParseFaultError> {
    text.parse::<Fault>().map(|_| text.to_owned())
}

impl Arguments {
    fn faults(&self) -> Result<Vec<Fault>, ParseFaultError> {
        let random = (self.fault_rate > 0.0).then(|| Ok(RandomFaults::new(self.fault_rate, self.seed).into()));
        self.fault.iter().map(|words| words.parse()).chain(random).collect()
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
            extra_objects: self.objects,
            time_per_batch: seconds(self.seconds_per_batch)?,
            time_per_chunk: seconds(self.seconds_per_chunk)?,
            daily_requests: self.daily_requests,
            daily_batches: self.daily_batches,
            forgetful: self.forgetful,
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
    print(&org, &credentials)?;
    tokio::signal::ctrl_c().await
}

/// What a client needs to know, one `name=value` a line.
fn print(org: &SimulatedOrg, credentials: &Credentials) -> io::Result<()> {
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
