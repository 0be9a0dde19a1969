//! `mimamori serve`: every role of the server in one process.

mod agents;
mod context;
mod cost;
mod detections;
mod inbox;
mod inspector;
mod inventory;
mod judge;
mod pending;
mod pipeline;
mod rulebook;
mod status;
mod ticking;
mod tls;

pub(crate) use context::Context as EventContext;
pub(crate) use judge::Judge;
pub(crate) use status::{Announcement, ServerStatus};

use crate::clock::SystemClock;
use crate::command::admin::{LOCAL_ADMINISTRATOR, sign_in_link};
use crate::database;
use crate::layout::Layout;
use crate::terminal::{note, print_line};
use crate::{cli, signals};
use anyhow::{Context, bail};
use control::{Control, RulesSummary};
use detections::DetectionIntake;
use inbox::Inbox;
use inspector::Inspector;
use inventory::InventoryIntake;
use lake::{Access, Lake};
use model::Clock;
use pipeline::Pipeline;
use rulebook::{RuleKeeper, RulePlaces};
use std::fs::File;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Runs until a signal (or the end of standard input) asks for a stop in good order.
pub(crate) async fn run(args: &cli::Serve, clock: Arc<SystemClock>) -> anyhow::Result<ExitCode> {
    let layout = Layout::create(&args.data.directory)?;
    let lock = lock(&layout)?;
    let (console_listener, agents_listener, listening) = listeners(&args.listen).await?;
    let mut stop_signals = signals::stop_signals()?;

    let lake = Arc::new(Lake::open(&layout.lake(), Access::Write).await?);
    let clock: Arc<dyn Clock> = clock;
    let control = open_control(args, &layout, &lake, &clock).await?;
    let places = RulePlaces::new(args, &layout);
    let (keeper, feed, announced) =
        RuleKeeper::open(Arc::clone(&control), places, Arc::clone(&clock)).await?;
    let identity = control.server_identity();
    write_authority(&layout, &identity.ca_pem)?;
    let inbox = Arc::new(Inbox::open(&layout, &lake, Arc::clone(&clock)).await?);

    let (context, refresher) =
        EventContext::open(Arc::clone(&control), &lake, clock.as_ref()).await?;
    let (stop, stopping) = watch::channel(false);
    let pipeline = Pipeline::new(
        Arc::clone(&inbox),
        Arc::clone(&lake),
        feed,
        Arc::clone(&clock),
        layout.server_status(),
        InventoryIntake::new(Arc::clone(&control)),
        DetectionIntake::new(Arc::clone(&control), Arc::clone(&clock)),
        context,
    );
    let mut pipeline = tokio::spawn(pipeline.run(stopping.clone()));
    let rules = tokio::spawn(keeper.keep(stopping.clone()));
    let own_certificate = Arc::new(tls::OwnCertificate::of(&identity)?);
    let tls_settings = tls::settings(&identity, Arc::clone(&own_certificate))?;
    let upkeep =
        tokio::spawn(upkeep(own_certificate, refresher, Arc::clone(&control), stopping.clone()));
    let agents = tokio::spawn(tls::serve(
        agents_listener,
        tls_settings,
        agents::router(Arc::clone(&control), Arc::clone(&inbox)),
        stopping.clone(),
    ));
    let pages = pages(&control, &listening, clock);
    let console = tokio::spawn(serve_console(console_listener, pages, stopping));

    remember_console(&layout, &listening)?;
    announce(args, &listening, &control, announced).await?;
    tokio::select! {
        () = stop_signals.recv() => {}
        () = stdin_gone(args.stop_with_stdin) => {}
        // Without it nothing is committed any more: whoever watches over this server starts it again.
        ended = &mut pipeline => {
            ended.context("the pipeline failed")?;
            bail!("the pipeline ended by itself; the log says why");
        }
    }
    tracing::info!("stopping: accepted records are committed first");
    stop.send_replace(true);
    for (what, task) in
        [("agents", agents), ("console", console), ("upkeep", upkeep), ("rules", rules)]
    {
        task.await.with_context(|| format!("the part for {what} failed"))?;
    }
    pipeline.await.context("the pipeline failed")?;
    drop(lock);
    Ok(ExitCode::SUCCESS)
}

/// The state, with what gathers evidence for requests. Its rules come later.
async fn open_control(
    args: &cli::Serve,
    layout: &Layout,
    lake: &Arc<Lake>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Arc<Control>> {
    let store = database::address(layout, args.database.url.as_deref())?;
    let (its_lake, its_clock) = (Arc::clone(lake), Arc::clone(clock));
    let none = RulesSummary::default();
    let control = Control::open_at(&layout.server(), &store, its_lake, none, its_clock).await?;
    control.keep_detections(args.retention.findings_kept_days)?;
    control.add_evidence_port(Arc::new(Inspector::new(&layout.inspect(), Arc::clone(clock))?));
    Ok(Arc::new(control))
}

fn pages(
    control: &Arc<Control>,
    listening: &cli::ListenOptions,
    clock: Arc<dyn Clock>,
) -> axum::Router {
    let mut options = console::Options::loopback(listening.console, clock);
    if let Some(url) = &listening.public_url {
        options = options.reached_at(url);
    }
    console::router(Arc::clone(control), options)
}

/// What goes on beside the events: the server's certificate stays fresh, and what is due is done.
async fn upkeep(
    own_certificate: Arc<tls::OwnCertificate>,
    refresher: context::Refresher,
    control: Arc<Control>,
    stop: watch::Receiver<bool>,
) {
    let fresh = own_certificate.keep_fresh(Arc::clone(&control), stop.clone());
    tokio::join!(
        fresh,
        refresher.keep_fresh(stop.clone()),
        inspector::gather(Arc::clone(&control), stop.clone()),
        ticking::tick(control, stop)
    );
}

/// Holds the data folder for this process; a second server is told who has it.
pub(crate) fn lock(layout: &Layout) -> anyhow::Result<File> {
    let path = layout.server_lock();
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("could not open {}", path.display()))?;
    if file.try_lock().is_err() {
        bail!(
            "another server uses {}; stop it first, or name another folder with --data",
            layout.root().display()
        );
    }
    Ok(file)
}

/// Those of the console and of the agents, and where they listen: port 0 means "any", so say which one it became.
async fn listeners(
    wanted: &cli::ListenOptions,
) -> anyhow::Result<(TcpListener, TcpListener, cli::ListenOptions)> {
    let console = listen(wanted.console, "--console").await?;
    let agents = listen(wanted.agents, "--agents").await?;
    let listening = cli::ListenOptions {
        console: console.local_addr().context("the console's listener has no address")?,
        agents: agents.local_addr().context("the agents' listener has no address")?,
        public_url: wanted.public_url.clone(),
    };
    Ok((console, agents, listening))
}

async fn listen(address: SocketAddr, option: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("could not listen on {address}; end what uses it or choose another address with {option}")
    })
}

/// `mimamori admin sign-in-link` reads it, so that the link fits whatever port was chosen.
fn remember_console(layout: &Layout, listening: &cli::ListenOptions) -> anyhow::Result<()> {
    let path = layout.console_address();
    std::fs::write(&path, listening.origin())
        .with_context(|| format!("could not write {}", path.display()))
}

/// Agents pin this certificate: it is handed to them with their enrolment token.
fn write_authority(layout: &Layout, ca_pem: &str) -> anyhow::Result<()> {
    let path = layout.server().join("ca.pem");
    std::fs::write(&path, ca_pem).with_context(|| format!("could not write {}", path.display()))
}

async fn serve_console(
    listener: TcpListener,
    pages: axum::Router,
    mut stop: watch::Receiver<bool>,
) {
    let stopped = async move {
        // An error means that the sender is gone, which asks for the same.
        if stop.wait_for(|stopping| *stopping).await.is_err() {
            tracing::debug!("the server ended without saying so");
        }
    };
    // Attempts to sign in are limited by who connects.
    let pages = pages.into_make_service_with_connect_info::<SocketAddr>();
    if let Err(err) = axum::serve(listener, pages).with_graceful_shutdown(stopped).await {
        tracing::error!(error = %err, "the console stopped");
    }
}

async fn stdin_gone(wanted: bool) {
    if wanted { signals::end_of_stdin().await } else { std::future::pending().await }
}

async fn announce(
    args: &cli::Serve,
    listening: &cli::ListenOptions,
    control: &Control,
    (rules_loaded, rules_refused): (usize, usize),
) -> anyhow::Result<()> {
    let token = control.issue_sign_in_token(LOCAL_ADMINISTRATOR).await?;
    let announcement = Announcement {
        console_url: format!("{}/", listening.origin()),
        agents_url: format!("https://{}", listening.agents),
        sign_in_link: sign_in_link(&listening.origin(), &token),
        enrolment_token: match args.announce_enrolment {
            true => Some(control.issue_enrolment_token(1).await?),
            false => None,
        },
        rules_loaded,
        rules_refused,
    };
    if args.announce {
        print_line(&serde_json::to_string(&announcement)?)?;
        return crate::terminal::flush();
    }
    note(&format!("console   {}", announcement.console_url));
    note(&format!("sign in   {}", announcement.sign_in_link));
    note(&format!("agents    {}", announcement.agents_url));
    Ok(())
}
