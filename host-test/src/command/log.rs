//! What the command tells of its work: lines on standard error, and spans to a collector where there is one.

use anyhow::Result;
use tokio::runtime::Handle;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

/// What is to be ended in order.
pub(super) struct Log {
    #[cfg(feature = "otel")]
    telemetry: Option<super::telemetry::Telemetry>,
}

impl Log {
    /// To be called once. What goes over the network goes on that runtime.
    #[cfg_attr(not(feature = "otel"), expect(unused_variables))]
    pub(super) fn begin(runtime: &Handle) -> Result<Self> {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "error".into());
        let lines = fmt::layer()
            .with_writer(std::io::stderr)
            // Each call is one span: what it used stands in the line that is written when it ends.
            .with_span_events(FmtSpan::CLOSE)
            .with_filter(filter);
        let told = tracing_subscriber::registry().with(lines);
        #[cfg(not(feature = "otel"))]
        {
            told.init();
            Ok(Self {})
        }
        #[cfg(feature = "otel")]
        {
            let telemetry = super::telemetry::Telemetry::start(runtime)?;
            told.with(telemetry.as_ref().map(|telemetry| telemetry.layer()))
                .init();
            Ok(Self { telemetry })
        }
    }

    /// Sends what was not sent yet. The runtime still has to be there.
    pub(super) fn end(self) {
        #[cfg(feature = "otel")]
        if let Some(telemetry) = self.telemetry {
            telemetry.end();
        }
    }
}
