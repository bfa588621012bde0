// SPDX-License-Identifier: Apache-2.0

#include "controller/config/options.hpp"

#include <boost/program_options.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace bailiff {
namespace {

namespace po = boost::program_options;

constexpr const char* default_file = "/etc/bailiff/controller.conf";

po::options_description file_options() {
    po::options_description o("Options (flags, or lines `name = value` of the ini file)");
    const auto text = [](const char* otherwise) { return po::value<std::string>()->default_value(otherwise); };
    o.add_options()
        ("state", text("/var/lib/bailiff"), "folder for database, keys and the first token")
        ("database", text(""), "sqlite:PATH or postgresql://...; default sqlite:STATE/bailiff.db")
        ("policies", text("/usr/share/bailiff/policies"), "folder of policies, calendars and notices")
        ("intake", text(""), "program that reads reports in a box; default bailiff-intake beside this program")
        ("listen", text("127.0.0.1:8080"), "ADDRESS:PORT of the REST API")
        ("tls-certificate", text(""), "PEM file for the REST API")
        ("tls-key", text(""), "PEM file for the REST API")
        ("plain-http", po::value<bool>()->default_value(false)->implicit_value(true), "serve the API without TLS; loopback addresses only")
        ("agents-listen", text(":8443"), "ADDRESS:PORT for the hosts (mutual TLS 1.3)")
        ("agents-name", po::value<std::vector<std::string>>()->composing(), "DNS name or address under which hosts reach this controller; repeatable")
        ("page-listen", text(""), "ADDRESS:PORT of the customers' page; without it none is served")
        ("page-url", text(""), "https://... under which customers reach their page; notices name it")
        ("page-tls-certificate", text(""), "PEM file for the customers' page")
        ("page-tls-key", text(""), "PEM file for the customers' page")
        ("page-plain-http", po::value<bool>()->default_value(false)->implicit_value(true), "serve the page without TLS; loopback addresses only, behind a proxy")
        ("page-proxy", po::value<std::vector<std::string>>()->composing(), "address of a proxy whose X-Forwarded-For is believed; repeatable")
        ("smtp", text("smtp://localhost:25"), "smtp://HOST:PORT or smtps://HOST:PORT")
        ("smtp-starttls", text("if_offered"), "required, if_offered or never")
        ("smtp-user", text(""), "user name at the mail server")
        ("smtp-password-file", text(""), "file that holds the password")
        ("smtp-ca", text(""), "PEM file of the mail server's CA; default the system's")
        ("mail-authserv", text(""), "what your mail server calls itself in Authentication-Results; empty: no mail's sender is proven")
        ("mail-from", text("abuse@localhost"), "sender of every notice")
        ("staff-address", text("abuse@localhost"), "where staff notices go")
        ("supervisor-address", text(""), "where overdue calls go; default the staff's address")
        ("staff-language", text("en"), "language of the notices to staff and supervisor: a folder of POLICIES/notices")
        ("answer-to", text(""), "address that notices name for answers; default mail-from")
        ("reply-token", po::value<bool>()->default_value(false)->implicit_value(true), "have each notice answered to an address of its own, NAME+TOKEN@DOMAIN of --answer-to: your mail server must deliver such addresses")
        ("further-window", text("PT1H"), "a contact is told of further reports once in this time, of all of them in one mail; PT0S: of each at once")
        ("mails-per-hour", po::value<int64_t>()->default_value(20), "mails to one contact within an hour, tickets and sanctions aside; what is more waits. 0: no bound")
        ("webhooks", text(""), "folder of files that name who else is told of cases: STATE/webhooks, say; empty: nobody")
        ("webhook-network", po::value<std::vector<std::string>>()->composing(), "a network that webhooks may be in beside public ones, such as 10.0.0.0/8; repeatable")
        ("webhook-ca", text(""), "PEM file of the CA of the webhooks' servers; default the system's")
        ("address-skew", text("PT5M"), "an observation so near to an address's change of hands waits for a person, since clocks differ")
        ("our-network", po::value<std::vector<std::string>>()->composing(), "a network of yours: reports about other addresses are not yours; repeatable; none: any may be")
        ("cmdb-url", text(""), "https://...{address}...{at} of your CMDB, asked whose an address was; empty: none is asked")
        ("cmdb-header-file", text(""), "file that holds one header line for the CMDB, such as Authorization: Bearer ...")
        ("cmdb-ca", text(""), "PEM file of the CMDB's CA; default the system's")
        ("cmdb-timeout", text("PT10S"), "how long the CMDB may take for one answer")
        ("tell-reporters", po::value<std::vector<std::string>>()->composing(), "what reporters are told: received, forwarded, not_ours, closed; repeatable; none: nothing")
        ("reporter-mails-per-day", po::value<int64_t>()->default_value(50), "mails to reporters of one domain within a day")
        ("reporter-hourly", po::value<int64_t>()->default_value(2000), "reports of one reporter within an hour from which on they open no cases; 0 = no limit")
        ("reporter-judged", po::value<int64_t>()->default_value(5), "a reporter is throttled from so many judged cases in 90 days on ...")
        ("reporter-wrong-percent", po::value<int64_t>()->default_value(50), "... when more than so many percent of them were false positives")
        ("contacts-address", text(""), "address whose mails ask for other contact data: each waits for a person; empty: there is none")
        ("dialler-url", text(""), "https://... of a machine that phones, told of each call that falls due; as webhooks are told")
        ("dialler-secret-file", text(""), "file with the secret (whsec_...) that signs what --dialler-url is told")
        ("dialler-exec", text(""), "program that phones, by its path; told on its standard input, without a shell")
        ("dialler-argument", po::value<std::vector<std::string>>()->composing(), "argument of --dialler-exec; repeatable, in order")
        ("dialler-timeout", text("PT30S"), "how long --dialler-exec may take; at most PT5M")
        ("order-life", text("PT10M"), "how long a signed order may wait for its host; at most PT15M")
        ("sanctions-per-hour", po::value<int64_t>()->default_value(20), "a brake: machines that the clock alone takes within an hour; what comes beyond waits for a person")
        ("keep-raw", text("P90D"), "how long mails and report bodies are kept as they came, such as P90D, or forever; what an open case needs is kept")
        ("keep-files", text("P30D"), "how long files that customers sent are kept after their case closed")
        ("keep-cases", text("P730D"), "when what a closed case says of people is erased; its course stays in the audit log")
        ("keep-audit", text("P2190D"), "when the course of an erased case goes too; its links in the audit chain stay, so that the rest can be verified")
        ("tick", po::value<int64_t>()->default_value(1000), "milliseconds between two looks at the clock")
        ("lab-clock", text(""), "file whose seconds move the clock: laboratories only, said in the log")
        ("log-level", text("info"), "debug, info, warn or error");
    return o;
}

po::options_description flag_options() {
    po::options_description o("Flags only");
    o.add_options()
        ("help,h", "this text")
        ("version", "the version")
        ("config", po::value<std::string>(), "ini file; default /etc/bailiff/controller.conf if it exists")
        ("print-config", "the options in force, as an ini file")
        ("check", "read options and policies, say what is wrong, end")
        ("begin-epoch", "after a backup of the database was restored: make the hosts refuse every order signed before, end");
    return o;
}

std::string print(const po::variables_map& values, const po::options_description& known) {
    std::ostringstream out;
    for (const auto& option : known.options()) {
        const auto& value = values[option->long_name()];
        if (value.empty()) continue;
        if (const auto* text = boost::any_cast<std::string>(&value.value())) out << option->long_name() << " = " << *text << "\n";
        else if (const auto* flag = boost::any_cast<bool>(&value.value())) out << option->long_name() << " = " << (*flag ? "true" : "false") << "\n";
        else if (const auto* number = boost::any_cast<int64_t>(&value.value())) out << option->long_name() << " = " << *number << "\n";
        else if (const auto* texts = boost::any_cast<std::vector<std::string>>(&value.value()))
            for (const auto& one : *texts) out << option->long_name() << " = " << one << "\n";
    }
    return out.str();
}

bool loopback_url(const std::string& url) {
    for (const std::string here : {"http://127.0.0.1", "http://localhost", "http://[::1]"})
        if (url == here || url.starts_with(here + ":") || url.starts_with(here + "/")) return true;
    return false;
}

/// The customers' page: its address stands in mails, so that it must be one that leads to it, and safely.
void take_page(const po::variables_map& v, ControllerOptions& o, std::vector<std::string>& mistakes) {
    const auto text = [&](const char* option) { return v[option].as<std::string>(); };
    o.page_url = text("page-url");
    while (o.page_url.ends_with('/')) o.page_url.pop_back();
    o.page_tls_certificate = text("page-tls-certificate");
    o.page_tls_key = text("page-tls-key");
    o.page_plain_http = v["page-plain-http"].as<bool>();
    if (v.count("page-proxy")) o.page_proxies = v["page-proxy"].as<std::vector<std::string>>();
    if (!o.page_url.empty() && !loopback_url(o.page_url) && (!o.page_url.starts_with("https://") || o.page_url.size() < 9))
        mistakes.push_back("--page-url: write https://NAME; without TLS an address that anybody on the way can read would answer for the customer");
    if (o.page_url.find_first_of(" \t\r\n?#\"<>") != std::string::npos) mistakes.push_back("--page-url: is an address without blanks, '?' and '#'");
    if (o.page_tls_certificate.empty() != o.page_tls_key.empty()) mistakes.push_back("--page-tls-certificate and --page-tls-key go together");
    if (text("page-listen").empty()) return;
    const auto endpoint = parse_endpoint(text("page-listen"));
    if (endpoint) o.page_listen = *endpoint;
    else mistakes.push_back("--page-listen: " + endpoint.error().text);
    if (o.page_url.empty()) mistakes.push_back("--page-listen needs --page-url: notices tell customers where their page is");
    if (o.page_tls_certificate.empty() && !o.page_plain_http)
        mistakes.push_back("the page needs --page-tls-certificate and --page-tls-key, or --page-plain-http on a loopback address behind a proxy");
}

/// Whose addresses are, and who reports them.
void take_reports(const po::variables_map& v, ControllerOptions& o, std::vector<std::string>& mistakes) {
    const auto text = [&](const char* option) { return v[option].as<std::string>(); };
    const auto number = [&](const char* option, int64_t low, int64_t high) {
        const int64_t out = v[option].as<int64_t>();
        if (out < low || out > high) mistakes.push_back("--" + std::string(option) + " must be from " + std::to_string(low) + " to " + std::to_string(high));
        return out;
    };
    const auto span = [&](const char* option, Seconds low, Seconds high) {
        const auto out = parse_duration(text(option));
        if (!out) mistakes.push_back("--" + std::string(option) + ": " + out.error().text);
        else if (*out < low || *out > high)
            mistakes.push_back("--" + std::string(option) + " must be from " + format_duration(low) + " to " + format_duration(high));
        return out.value_or(low);
    };
    o.address_skew = span("address-skew", Seconds(0), Seconds(86'400));
    if (v.count("our-network")) o.our_networks = v["our-network"].as<std::vector<std::string>>();
    o.cmdb_url = text("cmdb-url");
    o.cmdb_header_file = text("cmdb-header-file");
    o.cmdb_ca = text("cmdb-ca");
    o.cmdb_timeout = span("cmdb-timeout", Seconds(1), Seconds(300));
    if (!o.cmdb_url.empty() && (!loopback_url(o.cmdb_url) && !o.cmdb_url.starts_with("https://")))
        mistakes.push_back("--cmdb-url: write https://...; whoever answers it says whose machine is switched off");
    if (!o.cmdb_url.empty() && o.cmdb_url.find("{address}") == std::string::npos)
        mistakes.push_back("--cmdb-url: {address} must stand in it, where the address belongs");
    if (v.count("tell-reporters")) o.tell_reporters = v["tell-reporters"].as<std::vector<std::string>>();
    for (const auto& word : o.tell_reporters)
        if (word != "received" && word != "forwarded" && word != "not_ours" && word != "closed")
            mistakes.push_back("--tell-reporters: '" + word + "' is none of received, forwarded, not_ours, closed");
    o.reporter_mails_per_day = number("reporter-mails-per-day", 0, 100'000);
    o.reporter_hourly = number("reporter-hourly", 0, 1'000'000);
    o.reporter_judged = number("reporter-judged", 1, 1'000'000);
    o.reporter_wrong_percent = number("reporter-wrong-percent", 0, 100);
}

/// Whom calls are told to, and which mails ask for other contact data.
void take_contacts(const po::variables_map& v, ControllerOptions& o, std::vector<std::string>& mistakes) {
    const auto text = [&](const char* option) { return v[option].as<std::string>(); };
    o.contacts_address = text("contacts-address");
    const size_t at = o.contacts_address.find('@');
    if (!o.contacts_address.empty() && (at == std::string::npos || at == 0 || at + 1 == o.contacts_address.size() || o.contacts_address.find_first_of(" <>,;") != std::string::npos))
        mistakes.push_back("--contacts-address: is one plain address; write contacts@provider.example");
    if (!o.contacts_address.empty() && (o.contacts_address == o.mail_from || o.contacts_address == o.answer_to))
        mistakes.push_back("--contacts-address: must be another address than --mail-from and --answer-to, or every answer would ask for a change");
    o.dialler_url = text("dialler-url");
    o.dialler_secret_file = text("dialler-secret-file");
    if (o.dialler_url.empty() != o.dialler_secret_file.empty()) mistakes.push_back("--dialler-url and --dialler-secret-file go together");
    if (!o.dialler_url.empty() && !o.dialler_url.starts_with("https://") && !o.dialler_url.starts_with("http://")) mistakes.push_back("--dialler-url: write https://HOST/PATH");
    if (const auto program = text("dialler-exec"); !program.empty()) {
        if (program[0] != '/') mistakes.push_back("--dialler-exec: name the program by its whole path; it is found by no other");
        if (!o.dialler_url.empty()) mistakes.push_back("--dialler-exec and --dialler-url: there is one dialler; name one of the two");
        o.dialler_exec.push_back(program);
    }
    if (v.count("dialler-argument")) {
        const auto& arguments = v["dialler-argument"].as<std::vector<std::string>>();
        if (o.dialler_exec.empty()) mistakes.push_back("--dialler-argument needs --dialler-exec");
        else o.dialler_exec.insert(o.dialler_exec.end(), arguments.begin(), arguments.end());
    }
    const auto patience = parse_duration(text("dialler-timeout"));
    if (!patience) mistakes.push_back("--dialler-timeout: " + patience.error().text);
    else if (*patience < Seconds(1) || *patience > Seconds(300)) mistakes.push_back("--dialler-timeout must be from PT1S to PT5M");
    else o.dialler_patience = *patience;
}

/// Takes the values, collecting what is wrong with them.
ControllerOptions take(const po::variables_map& v, std::vector<std::string>& mistakes) {
    const auto text = [&](const char* option) { return v[option].as<std::string>(); };
    const auto endpoint = [&](const char* option) {
        const auto parsed = parse_endpoint(text(option));
        if (!parsed) mistakes.push_back("--" + std::string(option) + ": " + parsed.error().text);
        return parsed.value_or(Endpoint{});
    };
    ControllerOptions o;
    o.state = text("state");
    o.database = text("database").empty() ? "sqlite:" + o.state + "/bailiff.db" : text("database");
    o.policies = text("policies");
    o.intake = text("intake");
    o.listen = endpoint("listen");
    o.tls_certificate = text("tls-certificate");
    o.tls_key = text("tls-key");
    o.plain_http = v["plain-http"].as<bool>();
    o.agents_listen = endpoint("agents-listen");
    if (v.count("agents-name")) o.agents_names = v["agents-name"].as<std::vector<std::string>>();
    if (o.agents_names.empty()) o.agents_names = {"localhost", "127.0.0.1"};
    o.smtp = text("smtp");
    o.smtp_starttls = text("smtp-starttls");
    o.smtp_user = text("smtp-user");
    o.smtp_password_file = text("smtp-password-file");
    o.smtp_ca = text("smtp-ca");
    o.mail_authserv = text("mail-authserv");
    o.mail_from = text("mail-from");
    o.staff_address = text("staff-address");
    o.supervisor_address = text("supervisor-address").empty() ? o.staff_address : text("supervisor-address");
    o.answer_to = text("answer-to").empty() ? o.mail_from : text("answer-to");
    o.staff_language = text("staff-language");
    o.reply_token = v["reply-token"].as<bool>();
    // 32 digits and a plus must still fit the 64 characters that may stand before an @.
    if (o.reply_token && (o.answer_to.find('@') == std::string::npos || o.answer_to.find('@') > 31 || o.answer_to.find('+') != std::string::npos))
        mistakes.push_back("--reply-token: --answer-to must be a plain address of at most 31 characters before the @, and without a +");
    const auto window = parse_duration(text("further-window"));
    if (!window || *window < Seconds(0) || *window > Seconds(86400)) mistakes.push_back("--further-window must be from PT0S to PT24H");
    else o.further_window = *window;
    o.mails_per_hour = v["mails-per-hour"].as<int64_t>();
    if (o.mails_per_hour < 0 || o.mails_per_hour > 10'000) mistakes.push_back("--mails-per-hour must be from 0 to 10000");
    o.webhooks = text("webhooks");
    if (v.count("webhook-network")) o.webhook_networks = v["webhook-network"].as<std::vector<std::string>>();
    o.webhook_ca = text("webhook-ca");
    o.tick_milliseconds = v["tick"].as<int64_t>();
    o.lab_clock = text("lab-clock");
    o.log_level = text("log-level");
    take_page(v, o, mistakes);
    take_reports(v, o, mistakes);
    take_contacts(v, o, mistakes);
    const auto life = parse_duration(text("order-life"));
    if (!life) mistakes.push_back("--order-life: " + life.error().text);
    else if (*life < Seconds(30) || *life > Seconds(900)) mistakes.push_back("--order-life must be from PT30S to PT15M");
    else o.order_life = *life;
    o.sanctions_per_hour = v["sanctions-per-hour"].as<int64_t>();
    if (o.sanctions_per_hour < 0) mistakes.push_back("--sanctions-per-hour is 0 (a person decides each) or more");
    for (const auto& [name, time] : {std::pair{"keep-raw", &o.keep_raw}, {"keep-files", &o.keep_files}, {"keep-cases", &o.keep_cases}, {"keep-audit", &o.keep_audit}}) {
        const auto kept = text(name) == "forever" ? Result<Seconds>(Seconds{0}) : parse_duration(text(name));
        if (!kept || (*kept < Seconds(86400) && *kept != Seconds(0)) || (*kept == Seconds(0) && text(name) != "forever"))
            mistakes.push_back("--" + std::string(name) + " is a day or longer, such as P90D, or forever");
        else *time = *kept;
    }
    if (o.keep_audit != Seconds{0} && (o.keep_cases == Seconds{0} || o.keep_audit < o.keep_cases))
        mistakes.push_back("--keep-audit must not be shorter than --keep-cases: the course of a case goes after what it says of people");
    if (o.tls_certificate.empty() != o.tls_key.empty()) mistakes.push_back("--tls-certificate and --tls-key go together");
    if (o.tls_certificate.empty() && !o.plain_http)
        mistakes.push_back("the API needs --tls-certificate and --tls-key, or --plain-http on a loopback address");
    if (!o.database.starts_with("sqlite:") && !o.database.starts_with("postgresql:") && !o.database.starts_with("postgres:"))
        mistakes.push_back("--database: write sqlite:PATH or postgresql://HOST/NAME");
    if (o.tick_milliseconds < 10 || o.tick_milliseconds > 60'000) mistakes.push_back("--tick must be from 10 to 60000 milliseconds");
    static constexpr std::array levels{"debug", "info", "warn", "error"};
    if (std::find(levels.begin(), levels.end(), o.log_level) == levels.end()) mistakes.push_back("--log-level: debug, info, warn or error");
    return o;
}

}  // namespace

Result<Endpoint> parse_endpoint(const std::string& text) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos) return fail(Errc::invalid, "'" + text + "' has no port; write ADDRESS:PORT, e.g. 127.0.0.1:8080");
    Endpoint out;
    out.address = text.substr(0, colon);
    if (out.address.size() > 2 && out.address.front() == '[' && out.address.back() == ']') out.address = out.address.substr(1, out.address.size() - 2);
    if (out.address.empty()) out.address = "0.0.0.0";
    const char* end = text.data() + text.size();
    const auto [last, error] = std::from_chars(text.data() + colon + 1, end, out.port);
    if (error != std::errc{} || last != end) return fail(Errc::invalid, "'" + text.substr(colon + 1) + "' is no port; it is a number from 0 to 65535");
    return out;
}

ControllerCommand read_controller_command(int argc, const char* const* argv) {
    ControllerCommand command;
    const auto usage = [&](const std::string& text) {
        command.what = ControllerCommand::Do::usage_error;
        command.text = text;
        return command;
    };
    const auto known = file_options();
    po::options_description all("bailiff-controller keeps the cases, their clock and their history, and signs orders to the hosts.\n\n"
                                "usage: bailiff-controller [--config FILE] [option ...]");
    all.add(flag_options()).add(known);
    po::variables_map values;
    try {
        po::store(po::command_line_parser(argc, argv).options(all).positional({}).run(), values);
        const bool named = values.count("config") > 0;
        const std::string file = named ? values["config"].as<std::string>() : default_file;
        if (named || std::filesystem::exists(file)) {
            std::ifstream in(file);
            if (!in) return usage("cannot read " + file + "; check its name and rights");
            try {
                po::store(po::parse_config_file(in, known), values);
            } catch (const po::error& e) {
                return usage(file + ": " + e.what());
            }
        }
        po::notify(values);
    } catch (const po::error& e) {
        return usage(std::string(e.what()) + "; `bailiff-controller --help` lists the options");
    }
    if (values.count("help")) {
        std::ostringstream help;
        help << all;
        command.text = help.str();
        command.what = ControllerCommand::Do::help;
        return command;
    }
    if (values.count("version")) {
        command.text = "bailiff-controller " BAILIFF_VERSION "\n";
        command.what = ControllerCommand::Do::version;
        return command;
    }
    std::vector<std::string> mistakes;
    command.options = take(values, mistakes);
    if (!mistakes.empty()) {
        std::string text;
        for (const auto& mistake : mistakes) text += (text.empty() ? "" : "\n") + mistake;
        return usage(text);
    }
    if (values.count("print-config")) {
        command.text = print(values, known);
        command.what = ControllerCommand::Do::print_config;
    }
    if (values.count("check")) command.what = ControllerCommand::Do::check;
    if (values.count("begin-epoch")) command.what = ControllerCommand::Do::begin_epoch;
    return command;
}

}  // namespace bailiff
