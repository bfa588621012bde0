// SPDX-License-Identifier: Apache-2.0
// bailiff-controller: options -> adapters -> Desk -> run. The only file that knows every concrete type.

#include <bailiff/system_clock.hpp>
#include <bailiff/system_random.hpp>

#include "controller/api/accounts.hpp"
#include "controller/api/api.hpp"
#include "controller/config/options.hpp"
#include "controller/config/policy_file.hpp"
#include "controller/config/webhook_file.hpp"
#include "controller/desk/desk_loop.hpp"
#include "controller/dialler/exec_dialler.hpp"
#include "controller/dialler/webhook_dialler.hpp"
#include "controller/gateway/gateway.hpp"
#include "controller/mail/mail_worker.hpp"
#include "controller/mail/notice_text.hpp"
#include "controller/parsing/worker_reader.hpp"
#include "controller/storage/postgres.hpp"
#include "controller/storage/sql_storage.hpp"
#include "controller/storage/sqlite.hpp"
#include "controller/web/report_form.hpp"
#include "controller/web/statement_page.hpp"
#include "controller/webhooks/cmdb_lookup.hpp"
#include "controller/webhooks/webhook_worker.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <optional>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bailiff {
namespace {

/// The order key signs in this process for now; the port lets it move to its own.
class KeySigner : public Signer {
  public:
    explicit KeySigner(const SignatureKey& key) : key_(key) {}
    Result<std::string> seal(std::string_view type, std::string_view payload) override { return bailiff::seal(key_, type, payload); }

  private:
    const SignatureKey& key_;
};

/// The API's view of the gateway.
class Door : public HostDoor {
  public:
    Door(Gateway& gateway, Enrolment& enrolment) : gateway_(gateway), enrolment_(enrolment) {}
    bool connected(const HostId& host) override { return gateway_.connected(host); }
    Result<HostToken> enrolment_token(const HostId& host) override {
        auto made = enrolment_.make_token(host);
        if (!made) return fail(made.error());
        return HostToken{made->token, made->authority_sha256, made->expires};
    }
    void shut_out(const HostId& host) override { gateway_.banned(host); }

  private:
    Gateway& gateway_;
    Enrolment& enrolment_;
};

/// Gateway and desk need each other; the desk sends through this once the gateway is there.
class LateHosts : public Hosts {
  public:
    Gateway* real = nullptr;
    void cut(const HostId& host) {
        if (real) real->close(host, "the storage is away; come back");
    }
    bool send(const HostId& host, const Frame& frame) override { return real && real->send(host, frame); }
    bool connected(const HostId& host) override { return real && real->connected(host); }
};

[[noreturn]] void stop_with(const std::string& text) {
    fmt::print(stderr, "bailiff-controller: {}\n", text);
    std::exit(1);
}

template <class T>
T or_stop(Result<T> result, const std::string& what) {
    if (!result) stop_with(what + ": " + result.error().text);
    return std::move(*result);
}

std::unique_ptr<SqlStorage> open_storage(const ControllerOptions& options, const Clock& clock) {
    auto connection = options.database.starts_with("sqlite:") ? open_sqlite(options.database.substr(7)) : open_postgres(options.database, clock);
    return or_stop(SqlStorage::open(or_stop(std::move(connection), "database " + options.database)), "database " + options.database);
}

/// The policies in force, and those that open cases may pin. A file that changed without a new revision would change
/// the rules under running cases unseen: it is refused.
core::PolicySet load_policies_in_force(const ControllerOptions& options, Storage* archive) {
    std::vector<FileMistakes> mistakes;
    core::PolicySet set = load_policies(options.policies, mistakes);
    std::string text;
    for (const auto& file : mistakes) text += "\n  " + file.file + ": " + describe(file.mistakes);
    if (!text.empty()) stop_with("the policies are not sound:" + text);
    if (set.in_force.empty()) stop_with("no policies in " + options.policies + "; name their folder with --policies");
    if (!archive) return set;
    for (const auto& kept : archive->kept_policies())
        if (const auto added = add_kept_policy(set, kept.id, kept.revision, kept.text); !added) stop_with(added.error().text);
    for (const auto& [id, policy] : set.in_force) archive->keep_policy({id, policy.revision, policy_json(policy)});
    return set;
}

NoticeTexts load_notices(const ControllerOptions& options, const core::PolicySet& policies) {
    std::vector<Mistake> mistakes;
    auto texts = NoticeTexts::load(options.policies + "/notices", mistakes);
    if (!texts) stop_with("the notices are not sound: " + texts.error().text);
    const auto languages = texts->languages();
    if (std::find(languages.begin(), languages.end(), options.staff_language) == languages.end())
        stop_with("--staff-language: there are no notices in '" + options.staff_language + "'; " + options.policies + "/notices has " +
                  fmt::format("{}", fmt::join(languages, ", ")));
    for (const auto& policy : texts->policies())
        if (!policies.in_force.contains(PolicyId(policy))) stop_with("the notices have a folder '" + policy + "', and there is no such policy; correct its name");
    return std::move(*texts);
}

PageTexts load_report_form(const ControllerOptions& options) { return or_stop(PageTexts::load(options.policies + "/report-form"), "the form for reports is not sound"); }

PageTexts load_page(const ControllerOptions& options) { return or_stop(PageTexts::load(options.policies + "/page"), "the customers' page is not sound"); }

SmtpMailer make_mailer(const ControllerOptions& options) {
    SmtpOptions smtp;
    smtp.server = options.smtp;
    const auto starttls = parse_name<StartTls>(options.smtp_starttls);
    if (!starttls) stop_with("--smtp-starttls: " + starttls.error().text);
    smtp.starttls = *starttls;
    smtp.user = options.smtp_user;
    smtp.password_file = options.smtp_password_file;
    smtp.ca_file = options.smtp_ca;
    smtp.from = {options.mail_from, "Abuse desk"};
    return or_stop(SmtpMailer::make(std::move(smtp)), "--smtp");
}

std::vector<core::Webhook> load_webhooks_in_force(const ControllerOptions& options) {
    if (options.webhooks.empty()) return {};
    std::vector<FileMistakes> mistakes;
    auto hooks = load_webhooks(options.webhooks, mistakes);
    if (!mistakes.empty()) stop_with("the webhooks are not sound:\n" + describe(mistakes));
    return hooks;
}

HttpPosterOptions poster_options(const ControllerOptions& options) {
    HttpPosterOptions out;
    out.ca_file = options.webhook_ca;
    for (const auto& text : options.webhook_networks) out.networks.push_back(or_stop(parse_network(text), "--webhook-network"));
    return out;
}

CmdbOptions cmdb_options(const ControllerOptions& options) {
    CmdbOptions out{options.cmdb_url, "", options.cmdb_ca, options.cmdb_timeout};
    if (options.cmdb_header_file.empty()) return out;
    std::ifstream in(options.cmdb_header_file);
    if (!std::getline(in, out.header) || out.header.find(':') == std::string::npos)
        stop_with("--cmdb-header-file: " + options.cmdb_header_file + " must hold a header line, such as Authorization: Bearer ...");
    while (!out.header.empty() && (out.header.back() == '\r' || out.header.back() == ' ')) out.header.pop_back();
    return out;
}

void take_report_options(const ControllerOptions& options, DeskOptions& desk) {
    desk.address_skew = options.address_skew;
    for (const auto& text : options.our_networks) desk.our_networks.push_back(or_stop(parse_prefix(text), "--our-network"));
    for (const auto& word : options.tell_reporters) desk.tell_reporters.push_back(or_stop(parse_name<ReporterNotice>(word), "--tell-reporters"));
    desk.reporter_mails_per_day = options.reporter_mails_per_day;
    desk.reporter_hourly = options.reporter_hourly;
    desk.reporter_judged = options.reporter_judged;
    desk.reporter_wrong_percent = options.reporter_wrong_percent;
}

/// Who is told of calls that fall due: one machine, or nobody.
std::unique_ptr<Dialler> make_dialler(const ControllerOptions& options, WebhookPoster& poster, const Clock& clock) {
    if (!options.dialler_url.empty()) {
        std::ifstream file(options.dialler_secret_file);
        std::string text;
        if (!std::getline(file, text)) stop_with("--dialler-secret-file: cannot read " + options.dialler_secret_file + "; check its name and rights");
        return std::make_unique<WebhookDialler>(poster, options.dialler_url, or_stop(parse_webhook_secret(text), "--dialler-secret-file"));
    }
    if (options.dialler_exec.empty()) return nullptr;
    if (access(options.dialler_exec.front().c_str(), X_OK) != 0) stop_with("--dialler-exec: " + options.dialler_exec.front() + " is no program that this user may run");
    return std::make_unique<ExecDialler>(ExecDiallerOptions{options.dialler_exec, options.dialler_patience}, clock);
}

/// Root of trust of a new installation: the first administrator's token, readable by its owner only, shown nowhere.
void write_first_token(const ControllerOptions& options, Storage& storage, Random& random) {
    const auto token = ensure_first_account(storage, random);
    if (!token) return;
    const std::string path = options.state + "/admin.token";
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const std::string line = *token + "\n";
    if (file < 0 || ::write(file, line.data(), line.size()) != ssize_t(line.size())) stop_with("cannot write " + path + "; check the folder's rights");
    close(file);
    spdlog::warn("first start: the administrator's token lies in {}", path);
}

/// bailiff-intake lies where this program does, unless the options say otherwise.
std::string intake_program(const ControllerOptions& options) {
    if (!options.intake.empty()) return options.intake;
    std::error_code unknown;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", unknown);
    return unknown ? "/usr/libexec/bailiff/bailiff-intake" : (self.parent_path() / "bailiff-intake").string();
}

std::string mail_domain(const std::string& address) {
    const auto at = address.find('@');
    return at == std::string::npos ? "bailiff.invalid" : address.substr(at + 1);
}

int run(const ControllerOptions& options) {
    std::error_code made;
    std::filesystem::create_directories(options.state, made);
    if (made) stop_with("cannot make " + options.state + ": " + made.message());
    chmod(options.state.c_str(), 0700);

    const SystemClock wall;
    std::unique_ptr<Clock> lab;
    if (!options.lab_clock.empty()) {
        lab = std::make_unique<LabClock>(options.lab_clock);
        spdlog::warn("LABORATORY: the clock is moved by {}; never do this in production", options.lab_clock);
    }
    const Clock& clock = lab ? *lab : static_cast<const Clock&>(wall);
    SystemRandom random;
    auto storage = open_storage(options, wall);
    const auto authority = or_stop(CertificateAuthority::open({options.state + "/authority", options.agents_names}, wall), "certificates");
    KeySigner signer(authority.order_key());
    auto mailer = std::make_unique<MailWorker>(make_mailer(options));
    core::PolicySet policies = load_policies_in_force(options, storage.get());
    NoticeTexts notices = load_notices(options, policies);
    Feed feed(random.hex128().substr(0, 8));
    LateHosts hosts;

    DeskOptions desk_options;
    desk_options.staff_address = options.staff_address;
    desk_options.supervisor_address = options.supervisor_address;
    desk_options.answer_to = options.answer_to;
    desk_options.staff_language = options.staff_language;
    desk_options.mail_domain = mail_domain(options.mail_from);
    desk_options.order_life = options.order_life;
    desk_options.page_url = options.page_url;
    desk_options.sanctions_per_hour = options.sanctions_per_hour;
    desk_options.retention = {options.keep_raw, options.keep_files, options.keep_cases, options.keep_audit};
    desk_options.further_window = options.further_window;
    desk_options.mails_per_hour = options.mails_per_hour;
    desk_options.reply_addresses = options.reply_token;
    desk_options.webhooks = load_webhooks_in_force(options);
    take_report_options(options, desk_options);
    desk_options.contacts_address = options.contacts_address;
    auto poster = std::make_unique<WebhookWorker>(poster_options(options));
    auto lookup = options.cmdb_url.empty() ? nullptr : std::make_unique<CmdbLookup>(cmdb_options(options), wall);
    auto dialler = make_dialler(options, *poster, wall);
    Desk desk({*storage, clock, random, signer, *mailer, notices, hosts, feed, poster.get(), lookup.get(), dialler.get()},
              std::move(policies), desk_options);
    write_first_token(options, *storage, random);

    Enrolment enrolment(authority, *storage, random);
    DeskLoop loop(desk, *storage, wall, std::chrono::milliseconds(options.tick_milliseconds));
    Gateway gateway({options.agents_listen.address, options.agents_listen.port}, enrolment,
                    [&](GatewayTurn turn) {
                        return loop.post(DeskTurn{[turn](Desk&) { return turn.work(); }, [turn](const std::string&) { turn.failed(); }});
                    },
                    {[&](const HostId& host) { loop.post([host](Desk& d) { d.host_connected(host); }); },
                     [&](const HostId& host, Frame frame) {
                         // A frame that could not be stored is not acknowledged; a new connection makes the host send it again.
                         const auto again = [&hosts, host] { hosts.cut(host); };
                         const bool taken = loop.post(DeskTurn{[host, frame = std::move(frame)](Desk& d) {
                                                                   d.on_frame(host, frame);
                                                                   return std::function<void()>();
                                                               },
                                                               [again](const std::string&) { again(); }});
                         if (!taken) again();
                     },
                     [&](const HostId& host) { loop.post([host](Desk& d) { d.host_disconnected(host); }); }});
    hosts.real = &gateway;
    Door door(gateway, enrolment);
    ApiParts parts;
    parts.post = [&](DeskTurn turn) { return loop.post(std::move(turn)); };
    parts.healthy = [&] { return loop.healthy(); };
    parts.waiting = [&] { return loop.waiting(); };
    parts.clock = &wall;
    parts.random = &random;
    parts.feed = &feed;
    parts.hosts = &door;
    WorkerOptions worker;
    worker.program = intake_program(options);
    worker.rules = options.policies + "/intake";
    worker.authserv = options.mail_authserv;
    WorkerReader reader(worker, wall);
    parts.reader = &reader;
    parts.check_policy = [](const std::string& text) {
        std::vector<Mistake> mistakes;
        (void)parse_policy(text, mistakes);
        return mistakes;
    };
    parts.lab_clock_file = options.lab_clock;
    parts.public_key = authority.order_key().public_pem();
    Api api(std::move(parts), [](ApiLogLine line) {
        if (line.path.starts_with(page_path)) line.path = std::string(page_path) + "...";   // a customer's address, sent to the wrong port
        spdlog::info("api method={} path={} status={} account={} peer={} ms={}", line.method, line.path, line.status, line.account, line.peer, line.took.count());
    });
    HttpOptions http;
    http.address = options.listen.address;
    http.port = options.listen.port;
    http.clock = &wall;
    if (!options.tls_certificate.empty()) http.tls = HttpTls{options.tls_certificate, options.tls_key, "", false};
    ReportForm report_form(api.handlers(), load_report_form(options), random);
    HttpServer server(http, report_form.handlers());
    // The customers' listener is a server of its own: what it serves has nothing to do with the API's tokens and routes.
    std::optional<StatementPage> page;
    std::optional<HttpServer> page_server;
    if (options.page_listen) {
        page.emplace(StatementPageParts{[&](DeskTurn turn) { return loop.post(std::move(turn)); }, &wall, &random, options.page_url, options.page_proxies},
                     load_page(options), [](const PageLogLine& line) {
                         spdlog::info("page method={} case={} kind={} status={} peer={} ms={}", line.method, line.case_id, line.what, line.status, line.peer,
                                      line.took.count());
                     });
        HttpOptions page_http;
        page_http.address = options.page_listen->address;
        page_http.port = options.page_listen->port;
        page_http.clock = &wall;
        // Each may hold a form with files. Behind a proxy everybody is one address.
        page_http.most_connections = 256;
        page_http.most_connections_per_address = options.page_proxies.empty() ? 32 : 256;
        if (!options.page_tls_certificate.empty()) page_http.tls = HttpTls{options.page_tls_certificate, options.page_tls_key, "", false};
        page_server.emplace(page_http, page->handlers());
    }

    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    if (const auto up = gateway.start(); !up) stop_with("--agents-listen: " + up.error().text);
    if (const auto up = server.start(); !up) stop_with("--listen: " + up.error().text);
    if (page_server) {
        if (const auto up = page_server->start(); !up) stop_with("--page-listen: " + up.error().text);
        spdlog::info("up: customers' page on {}:{}, known as {}", options.page_listen->address, page_server->bound_port(), options.page_url);
    }
    spdlog::info("up: api on {}:{}, hosts on {}:{}, database {}, {} policies", options.listen.address, server.bound_port(),
                 options.agents_listen.address, gateway.bound_port(), options.database.substr(0, options.database.find('@')), desk.policies().in_force.size());
    int signal = 0;
    sigwait(&ends, &signal);
    spdlog::info("ending: nothing is lost, the next start takes up");
    server.stop();
    reader.stop();
    if (page_server) page_server->stop();
    gateway.stop();
    loop.stop();
    // What they have in hand is answered while the desk is still there to be told.
    dialler.reset();
    poster.reset();
    lookup.reset();
    mailer.reset();
    return 0;
}

/// The database is a restored backup: what was signed after it is known to hosts and not to us, so that orders would
/// carry numbers anew. A new epoch stands above all of them.
int begin_epoch(const ControllerOptions& options) {
    const SystemClock clock;
    auto storage = open_storage(options, clock);
    const int64_t before = storage->epoch();
    int64_t began = 0;
    const auto done = storage->transaction([&]() -> Result<void> {
        began = storage->begin_epoch(clock.now());
        return {};
    });
    if (!done) stop_with("the epoch could not be begun: " + done.error().text);
    fmt::print("epoch {} began (it was {}): hosts that have had an order of it refuse every order signed before.\n"
               "Orders that lay open in the backup are issued anew as the hosts connect. Start the controllers again.\n",
               began, before);
    return 0;
}

}  // namespace
}  // namespace bailiff

int main(int argc, char** argv) {
    using bailiff::ControllerCommand;
    const auto command = bailiff::read_controller_command(argc, argv);
    switch (command.what) {
        case ControllerCommand::Do::help:
        case ControllerCommand::Do::version:
        case ControllerCommand::Do::print_config: fmt::print("{}", command.text); return 0;
        case ControllerCommand::Do::usage_error: fmt::print(stderr, "bailiff-controller: {}\n", command.text); return 2;
        case ControllerCommand::Do::check:
            (void)bailiff::load_notices(command.options, bailiff::load_policies_in_force(command.options, nullptr));
            (void)bailiff::load_webhooks_in_force(command.options);
            (void)bailiff::poster_options(command.options);
            (void)bailiff::load_report_form(command.options);
            (void)bailiff::cmdb_options(command.options);
            if (command.options.page_listen) (void)bailiff::load_page(command.options);
            fmt::print("options, policies and notices are sound\n");
            return 0;
        case ControllerCommand::Do::begin_epoch:
        case ControllerCommand::Do::run: break;
    }
    // Signals are waited for by the main thread alone, so they are blocked before any other begins.
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    spdlog::set_default_logger(spdlog::stderr_logger_mt("bailiff"));
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    spdlog::set_level(spdlog::level::from_str(command.options.log_level));
    try {
        if (command.what == ControllerCommand::Do::begin_epoch) return bailiff::begin_epoch(command.options);
        return bailiff::run(command.options);
    } catch (const std::exception& outage) {
        spdlog::critical("{}", outage.what());
        return 1;
    }
}
