// SPDX-License-Identifier: Apache-2.0
// bailiffctl against a real server: what people see, what programs see, and the exit codes.
#include "controller/ctl/completion.hpp"
#include "controller/ctl/online_session.hpp"
#include "controller/ctl/table.hpp"
#include "tests/integration/api/live_api.hpp"

#include <cstdio>
#include <fstream>
#include <thread>
#include <unistd.h>

namespace bailiff::test {
namespace {

const std::string eicar = "report add --type content/malware --address 192.0.2.10 --reporter cert@example.net --summary 'EICAR at /x'";

TEST(Ctl, ACaseAsPeopleSeeIt) {
    LiveApi live;
    EXPECT_EQ(live.ctl(eicar).out, "R-1 opened case C-1\n");
    EXPECT_EQ(live.ctl(eicar).out, "R-2 joined the open case C-1\n");
    EXPECT_EQ(live.ctl("case list").out,
              "CASE  STANDS  SEVERITY  POLICY         VM    CUSTOMER  OPENED                    NEXT                            ASSIGNEE\n"
              "C-1   open    normal    virus-content  web1  राव वस्त्र  Mon 2026-03-02 08:30 IST  reply Mon 2026-03-02 10:00 IST\n");
    const auto seen = live.ctl("case show C-1");
    EXPECT_EQ(seen.code, 0) << seen.err;
    for (const char* part : {"case        C-1  open\n", "contact     Asha Rao  abuse@rao.example  +91 80 5550 1234\n",
                             "opened      Mon 2026-03-02 08:30 IST\n", "next        reply Mon 2026-03-02 10:00 IST\n",
                             "\nReports\nREPORT  TYPE             OBSERVED", "\nNotices\n"})
        EXPECT_NE(seen.out.find(part), std::string::npos) << part << "is missing in\n" << seen.out;
    const auto json = live.ctl("case show C-1 --json").json();
    EXPECT_EQ(json.at("id"), "C-1");
    EXPECT_EQ(json.at("reports").size(), 2u);
    EXPECT_EQ(live.ctl("case list --json --limit 0").json().size(), 1u);
}

TEST(Ctl, EveryActOfACase) {
    LiveApi live;
    live.ctl(eicar);
    const auto code = [&](const std::string& words) {
        const auto seen = live.ctl(words);
        EXPECT_TRUE(seen.code == 0 || !seen.err.empty());
        return seen.code;
    };
    EXPECT_EQ(code("case note C-1 --text hello"), 0);
    EXPECT_EQ(code("case extend C-1 --by PT1H --reason travels"), 0);
    EXPECT_EQ(code("case hold C-1 --reason lawyer"), 0);
    EXPECT_EQ(code("case resume C-1 --reason done"), 0);
    EXPECT_EQ(code("case call C-1 --outcome no_answer --note rang"), 0);
    EXPECT_EQ(code("case reply C-1 --kind acknowledged"), 0);
    EXPECT_EQ(code("case review C-1 --reason 'a doubt'"), 0);
    EXPECT_EQ(code("case decide C-1 --decision resume --reason none"), 0);
    EXPECT_EQ(code("case approve C-1 --stage clean_decision"), 1) << "nothing waits";
    EXPECT_EQ(code("case note C-1 --text late --revision 1"), 1);
    EXPECT_EQ(code("case close C-1 --reason settled"), 0);
    const auto history = live.ctl("case history C-1").out;
    EXPECT_EQ(history.find("REV  AT                        BY"), 0u) << history;
    EXPECT_NE(history.find("staff:ada"), std::string::npos);
}

TEST(Ctl, CasesThatBelongTogether) {
    LiveApi live;
    live.ctl(eicar);
    EXPECT_EQ(live.ctl("report add --type messaging/spam --address 192.0.2.10 --summary mails --ascertained").out, "R-2 opened case C-2\n");
    EXPECT_EQ(live.ctl("case merge C-1 C-2").code, 2) << "why?";
    const auto merged = live.ctl("case merge C-1 C-2 --reason 'one matter'");
    EXPECT_EQ(merged.code, 0) << merged.err;
    EXPECT_NE(merged.out.find("\nOther cases\n"), std::string::npos) << merged.out;
    EXPECT_NE(live.ctl("case show C-2").out.find("closed (goes on in C-1)"), std::string::npos);
    EXPECT_EQ(live.ctl("case undo C-1 C-2 --reason 'two matters'").code, 0);
    EXPECT_EQ(live.ctl("case undo C-1 C-2 --reason 'two matters'").code, 1);
    live.ctl(eicar);
    EXPECT_EQ(live.ctl("case split C-1 R-3 --to triage --reason 'of the neighbour'").code, 0);
    EXPECT_EQ(live.ctl("case split C-1 R-1 --reason 'the last one'").code, 1);
    EXPECT_EQ(live.ctl("case assign C-1 C-2 --to ana").code, 0);
    EXPECT_EQ(live.ctl("case list --assignee ana --json").json().size(), 2u);
    EXPECT_EQ(live.ctl("case appeal C-1 --text 'not us'").code, 1) << "nothing was decided";
    EXPECT_EQ(live.ctl("case close C-1 --reason settled").code, 0);
    EXPECT_EQ(live.ctl("case appeal C-1 --text 'the time that it cost' --channel phone").code, 0);
    EXPECT_EQ(live.ctl("case decide-appeal C-1 --decision upheld --reason right").code, 1) << "who closed it";
    EXPECT_NE(live.ctl("case show C-1").out.find("pending"), std::string::npos);
}

TEST(Ctl, OneReasonForManyCasesIsAsManyActs) {
    LiveApi live;
    live.ctl(eicar);
    EXPECT_EQ(live.ctl("customer set K-8 --name Ltd --contact Bo --email bo@ltd.example").code, 0);
    EXPECT_EQ(live.ctl("vm set 22222222-2222-4222-8222-222222222222 --name db1 --host h1 --customer K-8 --address 192.0.2.20").code, 0);
    EXPECT_EQ(live.ctl("report add --type content/malware --address 192.0.2.20 --reporter cert@example.net --summary x").out, "R-2 opened case C-2\n");
    const auto seen = live.ctl("case hold C-1 C-9 C-2 --reason lawyer");
    EXPECT_EQ(seen.code, 1) << "one of them is not there";
    EXPECT_EQ(seen.out, "CASE  PHASE    VM\nC-1   open     web1\nC-9   refused\nC-2   open     db1\n");
    EXPECT_NE(seen.err.find("C-9"), std::string::npos) << seen.err;
    for (const char* id : {"C-1", "C-2"}) EXPECT_NE(live.ctl(std::string("case history ") + id).out.find("lawyer"), std::string::npos) << id;
    EXPECT_EQ(live.ctl("case note C-1 C-2 --text x --revision 1").code, 2) << "a revision is one case's";
    EXPECT_EQ(live.ctl("case call C-1 C-2 --outcome no_answer").code, 2) << "a call is to one customer";
    const auto closed = live.ctl("case close C-1 C-2 --reason settled --json").json();
    ASSERT_EQ(closed.size(), 2u);
    EXPECT_EQ(closed.at(1).at("case").at("phase"), "closed");
    const auto figures = live.ctl("statistics --json").json();
    EXPECT_EQ(figures.at("items").at(0).at("cases"), 2);
    EXPECT_EQ(figures.at("items").at(0).at("open"), 0);
    EXPECT_NE(live.ctl("case export --csv").out.find("\r\nC-2,content/malware,virus-content,cert@example.net,1,K-8,Ltd,db1,192.0.2.20,"), std::string::npos);
    EXPECT_EQ(live.ctl("webhook list").out, "WEBHOOK  SERVER  FORMAT  BEHIND  FAILURES  NEXT TRY  LAST ANSWER\n") << "nobody else is told here";
}

TEST(Ctl, FilesOfACustomerAreListedAndSaved) {
    LiveApi live;
    live.ctl(eicar);
    EXPECT_EQ(live.ctl("case files C-1").out, "NUMBER  AT  NAME  BYTES  SHA-256  BY\n");
    std::string bytes = "log\n";
    for (int i = 0; i < 100'000; ++i) bytes += char(i * 7);
    std::promise<bool> taken;
    live.loop->post([&](Desk& desk) {
        Statement statement;
        statement.case_id = CaseId("C-1");
        statement.reply.kind = core::ReplyKind::dispute;
        statement.reply.text = "see the log";
        Attachment file;
        file.name = "access.log";
        file.bytes = bytes;
        statement.files.push_back(file);
        statement.key = "k";
        taken.set_value(desk.take_statement(statement).has_value());
    });
    ASSERT_TRUE(taken.get_future().get());
    EXPECT_NE(live.ctl("case files C-1").out.find("access.log  100004"), std::string::npos) << live.ctl("case files C-1").out;
    EXPECT_EQ(live.ctl("case files C-1 --json").json().at(0).at("sha256"), sha256_hex(bytes));
    EXPECT_EQ(live.ctl("case files C-1 1").code, 1) << "not onto a terminal";
    EXPECT_EQ(live.ctl("case files C-1 1 --output " + live.folder + "/saved").code, 0);
    std::ifstream saved(live.folder + "/saved", std::ios::binary);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(saved), {}), bytes);
    const auto none = live.ctl("case files C-1 2 --output " + live.folder + "/none");
    EXPECT_NE(none.code, 0);
    EXPECT_NE(none.err.find("There is no file 2"), std::string::npos) << none.err;
    EXPECT_EQ(live.ctl("case attach C-1 " + live.folder + "/saved").code, 2) << "why?";
    EXPECT_EQ(live.ctl("case attach C-1 " + live.folder + "/absent --reason x").code, 1);
    const auto added = live.ctl("case attach C-1 " + live.folder + "/saved --name flows.csv --reason 'the flows of that hour'");
    EXPECT_EQ(added.out, "file 2, 100004 bytes, SHA-256 " + sha256_hex(bytes) + "\n") << added.err;
    EXPECT_NE(live.ctl("case history C-1").out.find("the flows of that hour"), std::string::npos);
}

TEST(Ctl, NoticesBeforeTheyAreSentAndSupportTokens) {
    LiveApi live;
    live.ctl(eicar);
    const auto preview = live.ctl("case notice-preview C-1 ticket --language en");
    EXPECT_EQ(preview.code, 0) << preview.err;
    EXPECT_EQ(preview.out.find("Subject: [C-1] "), 0u) << preview.out;
    EXPECT_EQ(live.ctl("case notice-preview C-1 nothing").code, 1);
    EXPECT_EQ(live.ctl("customer tokens grant K-7 --amount 5 --reason bought").code, 0);
    EXPECT_EQ(live.ctl("case reply C-1 --kind fix_request").code, 0);
    EXPECT_EQ(live.ctl("customer tokens refund K-8 --case C-1 --reason x").code, 1) << "it is another customer's case";
    const auto refunded = live.ctl("customer tokens refund K-7 --case C-1 --reason 'took two days'");
    EXPECT_EQ(refunded.code, 0) << refunded.err;
    EXPECT_NE(refunded.out.find("took two days"), std::string::npos) << refunded.out;
    EXPECT_NE(refunded.out.find("\nbalance 5, charged so far 0\n"), std::string::npos) << refunded.out;
    EXPECT_EQ(live.ctl("customer tokens list K-7 --json").json().at("items").size(), 3u);
    for (const char* wrong : {"customer tokens grant K-7 --reason x", "customer tokens grant K-7 --amount 1", "customer tokens give K-7", "customer tokens grant K-7 --amount 1x --reason x",
                              "customer tokens refund K-7 --reason x"})
        EXPECT_EQ(live.ctl(wrong).code, 2) << wrong;
}

TEST(Ctl, WatchesACaseUntilItIsClosed) {
    LiveApi live;
    live.ctl(eicar);
    Seen watched;
    std::thread watcher([&] { watched = live.ctl("case watch C-1"); });
    for (int i = 0; i < 500 && live.feed_listeners() == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(live.ctl("case note C-1 --text 'seen live'").code, 0);
    EXPECT_EQ(live.ctl("case close C-1 --reason settled").code, 0);
    watcher.join();
    EXPECT_EQ(watched.code, 0) << watched.err;
    EXPECT_EQ(watched.out.find("2026-03-02T03:00:00Z  C-1  staff:ada  "), 0u) << watched.out;
    EXPECT_NE(watched.out.find("seen live"), std::string::npos);
}

TEST(Ctl, TheCallQueue) {
    LiveApi live;
    EXPECT_EQ(live.ctl("calls").out, "Nobody is to be phoned now.\n");
    live.ctl(eicar);
    live.advance(Seconds(90 * 60));
    const auto seen = live.ctl("calls", "ana");
    EXPECT_EQ(seen.out.find("C-1  Asha Rao  +91 80 5550 1234  (राव वस्त्र, authorised, web1)\n  due since Mon 2026-03-02 10:00 IST; it is Mon 2026-03-02 10:00 IST there; 0 attempts so far\n"), 0u)
        << seen.out;
    EXPECT_EQ(live.ctl("calls --json").json().at(0).at("case"), "C-1");
    EXPECT_EQ(live.ctl("customer contact add K-7 --name Vikram --role technical --phone +9180777 --order 10").code, 0);
    EXPECT_NE(live.ctl("customer contact list K-7").out.find("Vikram"), std::string::npos);
    EXPECT_EQ(live.ctl("case call C-1 --outcome wrong_number", "ana").code, 0);
    const auto next = live.ctl("calls", "ana");
    EXPECT_EQ(next.out.find("C-1  Vikram  +9180777  (राव वस्त्र, technical, web1)\n"), 0u) << next.out;
    EXPECT_NE(live.ctl("customer contact list K-7").out.find("wrong"), std::string::npos);
    EXPECT_EQ(live.ctl("contact-change list --json").json(), Json::array());
    EXPECT_EQ(live.ctl("contact-change approve K-1 --phone 1 --reason x").code, live.ctl("case show C-99").code) << "there is none";
}

TEST(Ctl, DirectoryAndAccounts) {
    LiveApi live;
    EXPECT_EQ(live.ctl("customer set K-8 --name Ltd --contact Bo --email bo@ltd.example").code, 0);
    EXPECT_NE(live.ctl("customer show K-8").out.find("no phone number"), std::string::npos) << "said before there is a case";
    EXPECT_EQ(live.ctl("customer list --json").json().at(0).at("warning"), "mail never verified; no second contact: nobody else to turn to");
    EXPECT_EQ(live.ctl("vm set 22222222-2222-4222-8222-222222222222 --name db1 --host h1 --customer K-8 --address 192.0.2.20,2001:db8::1").code, 0);
    EXPECT_EQ(live.ctl("vm list --address 2001:db8::1 --json").json().at(0).at("name"), "db1");
    EXPECT_EQ(live.ctl(std::string("vm set ") + LiveApi::web1 + " --customer K-8 --json").json().at("addresses").at(0), "192.0.2.10") << "what is not given stays";
    EXPECT_NE(live.ctl("vm show 22222222-2222-4222-8222-222222222222").out.find("CUSTOMER   K-8\n"), std::string::npos);
    EXPECT_NE(live.ctl("host enrol-token h9").out.find("token       one-time\n"), std::string::npos);
    const auto made = live.ctl("account add bob --role analyst --json").json();
    EXPECT_EQ(live.client(made.at("token").get<std::string>()).ask("GET", "/api/v1/me")->status, 200);
    EXPECT_EQ(live.ctl("account list").out, "ACCOUNT  ROLE     DISABLED\nada      admin    false\nana      analyst  false\nbob      analyst  false\n");
    EXPECT_EQ(live.ctl("account disable bob").code, 0);
    EXPECT_EQ(live.client(made.at("token").get<std::string>()).ask("GET", "/api/v1/me")->status, 401);
    EXPECT_EQ(live.ctl("whoami", "ana").out, "account  ana\nrole     analyst\n");
    EXPECT_NE(live.ctl("policy list").out.find("virus-content"), std::string::npos);
    EXPECT_EQ(live.ctl("policy show virus-content").json().at("revision"), 1);
    EXPECT_EQ(live.ctl("order list").out, "ORDER  CASE  HOST  VM  DESIRED  DISPATCH  ISSUED  ANSWER  TEXT\n");
    EXPECT_EQ(live.ctl("job list --json").json(), Json::array());
    EXPECT_EQ(live.ctl("clock show").code, 1) << "no laboratory";
    live.ctl(eicar);
    const auto audit = live.ctl("audit export");
    EXPECT_EQ(audit.code, 0) << audit.err;
    TemporaryFile log("audit.jsonl", audit.out);
    const auto intact = live.ctl(std::string("audit verify ") + live.url());
    EXPECT_EQ(intact.code, 2) << "--server does not go with a file: " << intact.out;
    const auto verify = [](const std::string& line) { return LiveApi::type(words_of(line)); };
    const auto local = verify(std::string("audit verify ") + log.path());
    EXPECT_EQ(local.code, 0) << local.out << local.err;
    const auto remote = verify(std::string("audit verify ") + live.url() + " --ca " + live.folder + "/cert.pem --token-file " + live.folder + "/ada --config /dev/null --json");
    EXPECT_EQ(remote.json().at("ok"), true) << remote.err;
    std::string edited = audit.out;
    edited.replace(edited.find("cert@example.net"), 4, "evil");
    TemporaryFile other("edited.jsonl", edited);
    const auto caught = verify(std::string("audit verify ") + other.path());
    EXPECT_EQ(caught.code, 1);
    EXPECT_NE(caught.out.find("NOT intact from item 1 on"), std::string::npos) << caught.out;
}

TEST(Ctl, SaysWhatIsWrongAndExitsAccordingly) {
    LiveApi live;
    const auto refused = live.ctl("report add --type malware --vm web1");
    EXPECT_EQ(refused.code, 1);
    EXPECT_NE(refused.err.find("  /type: must be an XARF v4 category and type; write content/malware\n"), std::string::npos) << refused.err;
    EXPECT_EQ(live.ctl("case show C-99").code, 1);
    EXPECT_EQ(live.ctl("account list", "ana").code, 1);
    EXPECT_EQ(live.ctl("case show").code, 2);
    EXPECT_EQ(live.ctl("case show C-1 C-2").code, 2);
    EXPECT_EQ(live.ctl("case call C-1").code, 2);
    EXPECT_EQ(live.ctl("case list --limit many").code, 2);
    const auto missing = live.ctl("case list", "nobody");
    EXPECT_EQ(missing.code, 1);
    EXPECT_NE(missing.err.find("--token-file"), std::string::npos);
    live.server->stop(std::chrono::milliseconds(100));
    const auto gone = live.ctl("case list");
    EXPECT_EQ(gone.code, 3);
    EXPECT_NE(gone.err.find("is the controller running"), std::string::npos) << gone.err;
}

TEST(Ctl, ReadsItsConfiguration) {
    LiveApi live;
    const auto run_with = [&](const std::string& text) {
        const std::string path = live.folder + "/ctl.conf";
        std::ofstream(path) << text;
        return LiveApi::type(words_of("whoami --config " + path));
    };
    const std::string good = "# here\nserver = " + live.url() + "\n ca=" + live.folder + "/cert.pem\ntoken-file = " + live.folder + "/ana\n\n";
    EXPECT_EQ(run_with(good).out, "account  ana\nrole     analyst\n");
    const auto wrong = run_with(good + "sever = x\n");
    EXPECT_EQ(wrong.code, 2);
    EXPECT_NE(wrong.err.find("ctl.conf:6: 'sever' is no setting; did you mean 'server'?"), std::string::npos) << wrong.err;
    EXPECT_EQ(run_with(good + "timeout = 0\n").code, 2);
}

TEST(Tables, CountWhatATerminalShows) {
    EXPECT_EQ(shown_width("abc"), 3u);
    EXPECT_EQ(shown_width("é"), 1u);
    EXPECT_EQ(shown_width("e\xCC\x81"), 1u) << "a combining accent";
    EXPECT_EQ(shown_width("日本"), 4u);
    EXPECT_EQ(shown_width("\xff"), 1u) << "shown as a replacement character";
    std::ostringstream out;
    Table table({"A", "B"});
    table.row({"日本", "x\x1b[31m\nred"});
    table.row({"e", ""});
    table.print(out);
    EXPECT_EQ(out.str(), "A     B\n日本  x[31m red\ne\n");
}

TEST(Completion, KnowsEveryCommandAndItsOptions) {
    const auto bash = bash_completion(all_commands()), zsh = zsh_completion(all_commands());
    for (const auto& command : all_commands()) {
        const std::string name(command.name);
        const auto pattern = "'" + name + (name.find(' ') == std::string::npos ? " '*)" : "')");
        EXPECT_NE(bash.find(pattern), std::string::npos) << name;
        EXPECT_NE(zsh.find(pattern), std::string::npos) << name;
        const auto options = options_of(command);
        EXPECT_NE(std::find(options.begin(), options.end(), "--help"), options.end()) << name;
        for (const auto& option : options) EXPECT_NE(bash.find(option), std::string::npos) << name << option;
    }
    EXPECT_NE(bash.find("case) words=\"list show history"), std::string::npos);
}

TEST(Completion, IsTakenByBash) {
    TemporaryFile script("completion.bash", bash_completion(all_commands()));
    const auto complete = [&](const std::string& words, const std::string& index) {
        const std::string command = "bash -c 'set -eu; source " + script.path() + "; COMP_WORDS=(" + words + "); COMP_CWORD=" + index +
                                    "; _bailiffctl; echo \"${COMPREPLY[*]}\"' 2>&1";
        std::string out;
        FILE* pipe = popen(command.c_str(), "r");
        std::array<char, 512> buffer{};
        while (std::fgets(buffer.data(), int(buffer.size()), pipe)) out += buffer.data();
        pclose(pipe);
        return out;
    };
    EXPECT_EQ(complete("bailiffctl ca", "1"), "case calls\n");
    EXPECT_EQ(complete("bailiffctl case ho", "2"), "hold\n");
    EXPECT_EQ(complete("bailiffctl case hold C-1 --rea", "4"), "--reason\n");
    EXPECT_EQ(complete("bailiffctl completion b", "2"), "bash\n");
}

TEST(Ctl, AddressesAreImportedAndAskedFor) {
    LiveApi live;
    const std::string file = "/tmp/bailiff-addresses-" + std::to_string(getpid()) + ".csv";
    const auto write = [&](const std::string& text) { std::ofstream(file) << text; };
    write("address,from,to,vm,customer,ports\n"
          "203.0.113.7,2026-03-01T00:00:00Z,2026-03-02T00:00:00Z,web1,,\n"
          "203.0.113.9/29,2026-03-01T00:00:00Z,,web1,,\n"
          "\"2001:db8:7::/64\",2026-03-01T00:00:00Z,,web1,,\n");
    const auto dry = live.ctl("address import " + file + " --dry-run");
    EXPECT_EQ(dry.code, 1);
    EXPECT_EQ(dry.out, "Nothing was changed. Of 3 rows: 2 new, 0 corrected, 0 known already, 1 wrong.\n");
    EXPECT_NE(dry.err.find(file + ":3: address"), std::string::npos) << dry.err;
    EXPECT_NE(dry.err.find("203.0.113.8/29"), std::string::npos) << dry.err;
    EXPECT_EQ(live.ctl("address import " + file).out, "Of 3 rows: 2 new, 0 corrected, 0 known already, 1 wrong.\n");
    EXPECT_EQ(live.ctl("address import " + file).out, "Of 3 rows: 0 new, 0 corrected, 2 known already, 1 wrong.\n");
    const auto who = live.ctl("address who 2001:db8:7::25 --at 2026-03-01T12:00:00Z");
    EXPECT_EQ(who.code, 0) << who.err;
    for (const char* part : {"vm             web1", "confidence     certain", "web1 had 2001:db8:7::25 (in 2001:db8:7::/64) since 2026-03-01T00:00:00Z (an import)",
                             "import"})
        EXPECT_NE(who.out.find(part), std::string::npos) << part << "is missing in\n" << who.out;
    EXPECT_EQ(live.ctl("address who 203.0.113.7 --at 2026-03-01T12:00:00Z --json").json().at("confidence"), "certain");
    EXPECT_EQ(live.ctl("address who web1").code, 1);
    write("[{\"address\":\"203.0.113.7\",\"from\":\"2026-03-02T00:00:00Z\",\"vm\":\"web9\"}]");
    EXPECT_EQ(live.ctl("address import " + file).out, "Of 1 rows: 1 new, 0 corrected, 0 known already, 0 wrong.\n1 name a VM that is not known here yet.\n");
    write("ip,from\n");
    EXPECT_NE(live.ctl("address import " + file).err.find("names the column 'ip'"), std::string::npos);
    // Many lines in some requests.
    std::string many = "address,from,vm\n";
    for (int i = 0; i < 5000; ++i) many += "10.0." + std::to_string(i >> 8) + "." + std::to_string(i & 255) + ",2026-03-01T00:00:00Z,web1\n";
    write(many);
    EXPECT_EQ(live.ctl("address import " + file).out, "Of 5000 rows: 5000 new, 0 corrected, 0 known already, 0 wrong.\n");
    std::remove(file.c_str());
    EXPECT_EQ(live.ctl("address import " + file).code, 1);
}

TEST(Ctl, ReportersAndReportsThatNeedNoCase) {
    LiveApi live;
    EXPECT_EQ(live.ctl("report add --type content/malware --address 198.51.100.9").out,
              "R-1 waits in triage: no VM has the address 198.51.100.9\nbailiffctl report resolve R-1 --vm UUID gives it its VM.\n");
    EXPECT_NE(live.ctl("report show R-1").out.find("unknown: no VM has the address 198.51.100.9"), std::string::npos);
    EXPECT_EQ(live.ctl("report settle R-1 --as not_ours").code, 2);
    EXPECT_NE(live.ctl("report settle R-1 --as not_ours --reason 'the neighbour'").out.find("R-1 is settled: not_ours: the neighbour"), std::string::npos);
    EXPECT_EQ(live.ctl("reporter set example.net throttled").code, 2);
    EXPECT_EQ(live.ctl("reporter set example.net throttled --reason 'always wrong'").code, 0);
    EXPECT_NE(live.ctl("reporter show example.net").out.find("always wrong"), std::string::npos);
    EXPECT_NE(live.ctl("reporter list").out.find("example.net"), std::string::npos);
}

}  // namespace
}  // namespace bailiff::test
