// SPDX-License-Identifier: Apache-2.0
// A real postfix or exim with its pipe transport and a real dovecot, each with a configuration of its own on a loopback port.
#include "tests/integration/intake/door_world.hpp"
#include "tests/integration/api/live_api.hpp"

#include <grp.h>
#include <pwd.h>
#include <sysexits.h>

namespace bailiff::test {
namespace {

namespace fs = std::filesystem;

void own(const std::string& path, const char* user) {
    const passwd* entry = getpwnam(user);
    if (!entry || chown(path.c_str(), entry->pw_uid, entry->pw_gid) != 0) throw std::runtime_error("cannot give " + path + " to " + user);
}

/// By SMTP, as the world does.
int send_mail(const std::string& file, int port, const std::string& log) {
    return Program({"/usr/bin/curl", "--silent", "--show-error", "--url", "smtp://127.0.0.1:" + std::to_string(port) + "/reporter.example", "--mail-from", "cert@reporter.example",
                    "--mail-rcpt", "abuse@provider.example", "--upload-file", file},
                   log)
        .wait();
}

/// postfix in a folder: one SMTP port, and a transport that is what contrib/intake/README.md tells administrators.
class Postfix {
  public:
    explicit Postfix(const DoorWorld& world) : folder_(world.folder + "/postfix"), port_(free_port()) {
        for (const char* part : {"", "/queue", "/data"}) fs::create_directories(folder_ + part);
        own(folder_ + "/data", "postfix");
        write("main.cf", "compatibility_level = 3.6\nqueue_directory = " + folder_ + "/queue\ndata_directory = " + folder_ + "/data\nmail_owner = postfix\nsetgid_group = postdrop\n" +
                             "command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n" +
                             "myhostname = mx.provider.example\nmydestination =\nmynetworks = 127.0.0.0/8\nrelay_domains = provider.example\nalias_maps =\nalias_database =\n" +
                             "transport_maps = inline:{ { provider.example = bailiff: } }\nbailiff_destination_recipient_limit = 1\nmessage_size_limit = 26214400\n" +
                             "maillog_file = " + folder_ + "/log\nmaillog_file_prefixes = " + folder_ + "\n");
        std::string pipe = world.folder + "/bailiffctl intake mail --sender ${sender} --recipient ${recipient}";
        for (const auto& word : world.reach()) pipe += " " + word;
        write("master.cf", "127.0.0.1:" + std::to_string(port_) + " inet n - n - - smtpd\n"
              "pickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\nrewrite unix - - n - - trivial-rewrite\n"
              "bounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\nverify unix - - n - 1 verify\nflush unix n - n 1000? 0 flush\n"
              "proxymap unix - - n - - proxymap\nshowq unix n - n - - showq\nerror unix - - n - - error\nretry unix - - n - - error\nanvil unix - - n - 1 anvil\n"
              "postlog unix-dgram n - n - 1 postlogd\nbailiff unix - n n - 4 pipe\n  flags=Rq user=nobody argv=" + pipe + "\n");
        if (command("start") != 0) throw std::runtime_error("postfix does not start: " + text_of(folder_ + "/commands.log") + log());
        up_ = true;
    }
    ~Postfix() {
        if (up_) command("stop");
    }
    Postfix(const Postfix&) = delete;
    Postfix& operator=(const Postfix&) = delete;

    int deliver(const std::string& file) const { return send_mail(file, port_, folder_ + "/commands.log"); }
    void flush() const { Program({"/usr/sbin/postqueue", "-c", folder_, "-f"}, folder_ + "/commands.log").wait(); }
    std::string queue() const {
        const std::string out = folder_ + "/queue.txt";
        fs::remove(out);
        Program({"/usr/sbin/postqueue", "-c", folder_, "-p"}, out).wait();
        return text_of(out);
    }
    std::string log() const { return text_of(folder_ + "/log"); }

  private:
    int command(const char* word) const { return Program({"/usr/sbin/postfix", "-c", folder_, word}, folder_ + "/commands.log").wait(); }
    void write(const std::string& name, const std::string& text) const { std::ofstream(folder_ + "/" + name) << text; }
    std::string folder_;
    int port_;
    bool up_ = false;
};

TEST(MailServers, postfixKeepsAMailUntilTheControllerHasIt) {
    if (!fs::exists("/usr/sbin/postfix")) GTEST_SKIP() << "postfix is not installed";
    if (geteuid() != 0) GTEST_SKIP() << "postfix starts as root only";
    DoorWorld world;
    const Postfix postfix(world);
    const auto one = world.write("one.eml", report_mail("one"));
    ASSERT_EQ(postfix.deliver(one), 0) << text_of(world.folder + "/postfix/commands.log");
    ASSERT_TRUE(DoorWorld::eventually("the first mail", [&] { return world.deliveries() == std::vector<std::string>{"filed 1"}; })) << postfix.log();
    const auto kept = world.get("/api/v1/deliveries/M-1");
    EXPECT_EQ(kept.at("sender"), "cert@reporter.example");
    EXPECT_EQ(kept.at("recipient"), "abuse@provider.example");
    EXPECT_EQ(kept.at("reports").at(0).at("case"), "C-1");
    EXPECT_TRUE(DoorWorld::eventually("the log", [&] { return postfix.log().find("M-1 filed: 1 report") != std::string::npos; })) << postfix.log();

    ASSERT_EQ(postfix.deliver(one), 0);
    ASSERT_TRUE(DoorWorld::eventually("the copy", [&] { return world.deliveries() == std::vector<std::string>{"filed 2"}; })) << "another Received field, the same mail";

    world.stop();
    ASSERT_EQ(postfix.deliver(world.write("two.eml", report_mail("two"))), 0) << "the mail server takes it";
    ASSERT_TRUE(DoorWorld::eventually("a deferral", [&] { return postfix.log().find("status=deferred") != std::string::npos; })) << postfix.log();
    EXPECT_EQ(postfix.log().find("status=bounced"), std::string::npos) << postfix.log();
    world.start();
    postfix.flush();
    ASSERT_TRUE(DoorWorld::eventually("the second mail", [&] { return world.deliveries() == std::vector<std::string>{"filed 2", "filed 1"}; })) << postfix.log();
    EXPECT_TRUE(DoorWorld::eventually("an empty queue", [&] { return postfix.queue().find("Mail queue is empty") != std::string::npos; })) << postfix.queue();
    EXPECT_EQ(world.deliveries().size(), 2u) << "delivered once";
}

/// exim in a folder: one SMTP port, and router and transport as contrib/intake/README.md tells administrators; but the user is exim's own,
/// since an exim with a configuration from elsewhere may become nobody else.
class Exim {
  public:
    explicit Exim(const DoorWorld& world) : folder_(world.folder + "/exim"), port_(free_port()) {
        for (const char* part : {"", "/spool", "/log"}) {
            fs::create_directories(folder_ + part);
            own(folder_ + part, "Debian-exim");
        }
        std::string pipe = world.folder + "/bailiffctl intake mail";
        for (const auto& word : world.reach()) pipe += " " + word;
        std::ofstream(folder_ + "/conf")
            << "primary_hostname = mx.provider.example\nspool_directory = " << folder_ << "/spool\nlog_file_path = " << folder_ << "/log/%s\npid_file_path = " << folder_
            << "/pid\nlocal_interfaces = 127.0.0.1\ntls_advertise_hosts =\nacl_smtp_rcpt = let\nbegin acl\nlet:\n  accept\nbegin routers\nbailiff:\n  driver = accept\n  local_parts = abuse\n"
            << "  domains = provider.example\n  transport = bailiff_pipe\nbegin transports\nbailiff_pipe:\n  driver = pipe\n  command = " << pipe
            << "\n  user = Debian-exim\n  path = /usr/bin\n  temp_errors = *\n  log_output\n  timeout = 2m\n  timeout_defer\nbegin retry\n* * F,1h,1s\n";
        daemon_ = std::make_unique<Program>(std::vector<std::string>{"/usr/sbin/exim4", "-C", folder_ + "/conf", "-bdf", "-oX", "127.0.0.1." + std::to_string(port_)}, folder_ + "/out.log");
        DoorWorld::eventually("exim", [&] { return log().find("daemon started") != std::string::npos; });
    }
    ~Exim() {
        daemon_->signal(SIGTERM);
        daemon_->wait();
    }
    Exim(const Exim&) = delete;
    Exim& operator=(const Exim&) = delete;

    int deliver(const std::string& file) const { return send_mail(file, port_, folder_ + "/commands.log"); }
    void flush() const { Program({"/usr/sbin/exim4", "-C", folder_ + "/conf", "-qff"}, folder_ + "/commands.log").wait(); }
    std::string log() const { return text_of(folder_ + "/log/main") + text_of(folder_ + "/log/panic") + text_of(folder_ + "/out.log"); }

  private:
    std::string folder_;
    int port_;
    std::unique_ptr<Program> daemon_;
};

TEST(MailServers, eximKeepsAMailUntilTheControllerHasIt) {
    if (!fs::exists("/usr/sbin/exim4")) GTEST_SKIP() << "exim4 is not installed; Debian has it instead of postfix";
    if (geteuid() != 0) GTEST_SKIP() << "exim starts as root only";
    DoorWorld world;
    const Exim exim(world);
    ASSERT_EQ(exim.deliver(world.write("one.eml", report_mail("one"))), 0) << exim.log();
    ASSERT_TRUE(DoorWorld::eventually("the first mail", [&] { return world.deliveries() == std::vector<std::string>{"filed 1"}; })) << exim.log();
    const auto kept = world.get("/api/v1/deliveries/M-1");
    EXPECT_EQ(kept.at("sender"), "cert@reporter.example");
    EXPECT_EQ(kept.at("recipient"), "abuse@provider.example");
    world.stop();
    ASSERT_EQ(exim.deliver(world.write("two.eml", report_mail("two"))), 0) << "the mail server takes it";
    ASSERT_TRUE(DoorWorld::eventually("a deferral", [&] { return exim.log().find("== abuse@provider.example") != std::string::npos; })) << exim.log();
    EXPECT_EQ(exim.log().find("** "), std::string::npos) << "nothing goes back: " << exim.log();
    world.start();
    EXPECT_TRUE(DoorWorld::eventually("the second mail", [&] {
        exim.flush();
        return world.deliveries() == std::vector<std::string>{"filed 1", "filed 1"};
    })) << exim.log();
}

/// dovecot in a folder, for one user: IMAP over TLS, and on another port with STARTTLS; or without any TLS.
class Dovecot {
  public:
    explicit Dovecot(const std::string& folder, bool tls = true) : folder_(folder + "/dovecot"), port_(free_port()), plain_port_(free_port()) {
        for (const char* part : {"", "/mail", "/mail/abuse", "/mail/abuse/new", "/mail/abuse/cur", "/mail/abuse/tmp"}) {
            fs::create_directories(folder_ + part);
            if (*part) own(folder_ + part, "nobody");
        }
        write_certificate(folder_);
        std::ofstream(folder_ + "/users") << "abuse:{PLAIN}a \"secret\"::::::\n";
        std::ofstream(folder_ + "/password") << "a \"secret\"\n";
        std::ofstream(folder_ + "/dovecot.conf")
            << "base_dir = " << folder_ << "/run\nstate_dir = " << folder_ << "/state\nprotocols = imap\nlisten = 127.0.0.1, 127.0.0.2\nssl = " << (tls ? "required" : "no") << "\ndisable_plaintext_auth = no\nauth_debug = yes\nssl_cert = <" << folder_
            << "/cert.pem\nssl_key = <" << folder_ << "/key.pem\nlog_path = " << folder_ << "/log\nmail_location = maildir:" << folder_ << "/mail/%u\nfirst_valid_uid = 1\n"
            << "first_valid_gid = 1\npassdb {\n  driver = passwd-file\n  args = scheme=PLAIN " << folder_ << "/users\n}\nuserdb {\n  driver = static\n  args = uid=nobody gid=nogroup home=" << folder_
            << "/mail/%u\n}\nservice imap-login {\n  chroot =\n  inet_listener imap {\n    port = " << plain_port_ << "\n  }\n  inet_listener imaps {\n    port = " << (tls ? port_ : 0)
            << "\n    ssl = yes\n  }\n}\nnamespace inbox {\n  inbox = yes\n  mailbox Archive {\n    auto = create\n  }\n}\nservice anvil {\n  chroot =\n}\nservice stats {\n  chroot =\n}\n";
        program_ = std::make_unique<Program>(std::vector<std::string>{"/usr/sbin/dovecot", "-F", "-c", folder_ + "/dovecot.conf"}, folder_ + "/out.log");
        DoorWorld::eventually("dovecot", [&] { return text_of(folder_ + "/log").find("starting up") != std::string::npos; });
    }
    ~Dovecot() {
        program_->signal(SIGTERM);
        program_->wait();
    }
    Dovecot(const Dovecot&) = delete;
    Dovecot& operator=(const Dovecot&) = delete;

    void put(const std::string& name, const std::string& text) const {
        const std::string made = folder_ + "/mail/abuse/tmp/" + name;
        std::ofstream(made, std::ios::binary) << text;
        own(made, "nobody");
        fs::rename(made, folder_ + "/mail/abuse/new/" + name);
    }
    std::vector<std::string> words(const std::string& box = "INBOX", const std::string& password = "") const {
        return {"intake", "imap", "--url", "imaps://127.0.0.1:" + std::to_string(port_) + "/" + box, "--user", "abuse", "--password-file",
                password.empty() ? folder_ + "/password" : password, "--imap-ca", folder_ + "/cert.pem"};
    }
    /// By the port that begins in the clear. 127.0.0.2 is no address that the program takes for this machine's own.
    std::vector<std::string> words_in_the_clear(const std::string& host) const {
        auto out = words();
        out[3] = "imap://" + host + ":" + std::to_string(plain_port_) + "/INBOX";
        return out;
    }
    size_t in_archive() const {
        const fs::directory_iterator all(folder_ + "/mail/abuse/.Archive/cur");
        return size_t(std::distance(fs::begin(all), fs::end(all)));
    }
    std::string log() const { return text_of(folder_ + "/log") + text_of(folder_ + "/out.log"); }

  private:
    std::string folder_;
    int port_, plain_port_;
    std::unique_ptr<Program> program_;
};

TEST(MailServers, dovecotsMailsAreMarkedWhenTheyAreKept) {
    if (!fs::exists("/usr/sbin/dovecot")) GTEST_SKIP() << "dovecot is not installed";
    if (geteuid() != 0) GTEST_SKIP() << "dovecot starts as root only";
    DoorWorld world;
    const Dovecot dovecot(world.folder);
    dovecot.put("1.a.host", report_mail("a"));
    dovecot.put("2.b.host", report_mail("b", "198.51.100.7"));
    world.stop();
    EXPECT_EQ(world.ctl(dovecot.words()).code, EX_TEMPFAIL);
    world.start();
    auto seen = world.ctl(dovecot.words());
    EXPECT_EQ(seen.code, EX_OK) << seen.out << seen.err << dovecot.log();
    EXPECT_EQ(seen.out, "mail 1 M-1 filed: 1 report\nmail 2 M-2 filed: 1 report, 1 in triage\n") << "nothing was marked while the controller was away";
    seen = world.ctl(dovecot.words());
    EXPECT_EQ(seen.out + seen.err, "") << "all of them are marked";
    dovecot.put("3.a.host", report_mail("a"));
    dovecot.put("4.large.host", report_mail("large") + std::string(26 << 20, 'x'));
    seen = world.ctl(dovecot.words());
    EXPECT_EQ(seen.code, EX_OK) << seen.err;
    EXPECT_EQ(seen.out, "mail 3 M-1 filed: it was here already\nmail 4 M-3 triage: 1 report, 1 in triage\n");
    EXPECT_EQ(world.ask("GET", "/api/v1/deliveries/M-3/raw").body.size(), size_t{25} << 20);

    dovecot.put("5.e.host", report_mail("e"));
    auto moving = dovecot.words();
    moving.insert(moving.end(), {"--move", "Archive"});
    seen = world.ctl(moving);
    EXPECT_EQ(seen.code, EX_OK) << seen.err << dovecot.log();
    EXPECT_EQ(seen.out, "mail 5 M-4 filed: 1 report\n");
    seen = world.ctl(dovecot.words("Archive"));
    EXPECT_EQ(seen.out + seen.err, "") << "it lies there, and is marked there too";
    EXPECT_EQ(dovecot.in_archive(), 1u);

    EXPECT_EQ(world.ctl(dovecot.words("INBOX", world.write("wrong", "guess\n"))).code, EX_TEMPFAIL);
    EXPECT_EQ(world.ctl(dovecot.words("Nothing")).code, EX_TEMPFAIL);
    auto blind = dovecot.words();
    blind.resize(blind.size() - 2);
    EXPECT_EQ(world.ctl(blind).code, EX_TEMPFAIL) << "its certificate is nobody's that the system knows";
    EXPECT_EQ(world.ctl({"intake", "imap", "--url", "imaps://x/INBOX", "--user", "abuse"}).code, EX_USAGE);
}

TEST(MailServers, noPasswordGoesInTheClearToAnotherMachine) {
    if (!fs::exists("/usr/sbin/dovecot")) GTEST_SKIP() << "dovecot is not installed";
    if (geteuid() != 0) GTEST_SKIP() << "dovecot starts as root only";
    DoorWorld world;
    {
        const Dovecot dovecot(world.folder);
        dovecot.put("1.a.host", report_mail("a"));
        const auto seen = world.ctl(dovecot.words_in_the_clear("127.0.0.2"));
        EXPECT_EQ(seen.code, EX_OK) << seen.err << dovecot.log();
        EXPECT_EQ(seen.out, "mail 1 M-1 filed: 1 report\n");
        EXPECT_TRUE(DoorWorld::eventually("the log", [&] { return dovecot.log().find("secured=tls") != std::string::npos; })) << dovecot.log();
        auto blind = dovecot.words_in_the_clear("127.0.0.2");
        blind.resize(blind.size() - 2);
        EXPECT_EQ(world.ctl(blind).code, EX_TEMPFAIL) << "its certificate is nobody's that the system knows";
    }
    fs::create_directories(world.folder + "/clear");
    const Dovecot dovecot(world.folder + "/clear", false);
    dovecot.put("2.b.host", report_mail("b"));
    auto seen = world.ctl(dovecot.words_in_the_clear("127.0.0.2"));
    EXPECT_EQ(seen.code, EX_TEMPFAIL) << seen.out;
    EXPECT_TRUE(DoorWorld::eventually("the log", [&] { return dovecot.log().find("no auth attempts") != std::string::npos; })) << dovecot.log();
    seen = world.ctl(dovecot.words_in_the_clear("127.0.0.1"));
    EXPECT_EQ(seen.out, "mail 1 M-2 filed: 1 report\n") << seen.err << dovecot.log();
}

}  // namespace
}  // namespace bailiff::test
