// SPDX-License-Identifier: Apache-2.0
// The screen of a real guest that is isolated: a one-time password that opens it, and stops opening it.
#include "tests/integration/hypervisor/host_fixture.hpp"
#include "tests/integration/hypervisor/lab_net.hpp"

// VNC knows nothing newer than DES.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/des.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>

namespace bailiff::test {
namespace {

class Consoles : public HostFixture {};

bool receive(int fd, void* into, size_t size) {
    auto* at = static_cast<char*>(into);
    while (size > 0) {
        pollfd one{fd, POLLIN, 0};
        if (::poll(&one, 1, 5000) <= 0) return false;
        const auto n = ::recv(fd, at, size, 0);
        if (n <= 0) return false;
        at += n;
        size -= size_t(n);
    }
    return true;
}

/// RFC 6143 §7.2.2: the challenge, twice encrypted with the password, whose bits are the other way round.
std::array<unsigned char, 16> response_to(const std::array<unsigned char, 16>& challenge, const std::string& password) {
    DES_cblock key{};
    for (size_t i = 0; i < 8 && i < password.size(); ++i)
        for (int bit = 0; bit < 8; ++bit)
            if (static_cast<unsigned char>(password[i]) & (1 << bit)) key[i] |= static_cast<unsigned char>(0x80 >> bit);
    DES_key_schedule schedule;
    DES_set_key_unchecked(&key, &schedule);
    std::array<unsigned char, 16> out{};
    for (size_t half = 0; half < 16; half += 8) {
        DES_cblock in{}, encrypted{};
        std::copy_n(challenge.begin() + long(half), 8, in);
        DES_ecb_encrypt(&in, &encrypted, &schedule, DES_ENCRYPT);
        std::copy_n(encrypted, 8, out.begin() + long(half));
    }
    return out;
}

/// Whether the screen at "127.0.0.1:5900" in the namespace lets the password in.
bool lets_in(const std::string& network, const std::string& address, const std::string& password) {
    uint16_t port = 0;
    const std::string number = address.substr(address.rfind(':') + 1);
    std::from_chars(number.data(), number.data() + number.size(), port);
    const int fd = connect_in(network, "127.0.0.1", port);
    if (fd < 0) return false;
    char version[12];
    unsigned char count = 0;
    bool in = false;
    if (receive(fd, version, sizeof version) && ::send(fd, "RFB 003.008\n", 12, MSG_NOSIGNAL) == 12 && receive(fd, &count, 1)) {
        std::string kinds(count, '\0');
        if (count > 0 && receive(fd, kinds.data(), kinds.size()) && kinds.find('\2') != std::string::npos) {
            std::array<unsigned char, 16> challenge{};
            const char vnc_authentication = 2;
            if (::send(fd, &vnc_authentication, 1, MSG_NOSIGNAL) == 1 && receive(fd, challenge.data(), challenge.size())) {
                const auto response = response_to(challenge, password);
                std::array<unsigned char, 4> result{};
                in = ::send(fd, response.data(), response.size(), MSG_NOSIGNAL) == 16 && receive(fd, result.data(), 4) &&
                     result == std::array<unsigned char, 4>{};
            }
        }
    }
    ::close(fd);
    return in;
}

TEST_F(Consoles, a_one_time_password_opens_the_screen_until_the_release) {
    LabGuest guest(*host_, {.name = "screened", .vnc = "owners"});
    const VmId vm(guest.uuid());
    guest.start();
    const std::string before = host_->virsh({"dumpxml", "--inactive", "--security-info", "screened"});
    // Only the screen: the guest's agent comes and goes meanwhile.
    const auto screen = [&] {
        const std::string xml = host_->virsh({"dumpxml", "--security-info", "screened"});
        const size_t begin = xml.find("<graphics"), end = xml.find("</graphics>");
        return begin == std::string::npos || end == std::string::npos ? "" : xml.substr(begin, end - begin);
    };
    const std::string live = screen();
    ASSERT_NE(live.find("owners"), std::string::npos) << live;
    const std::string network = host_->network_namespace();
    ASSERT_TRUE(hypervisor_->set_links(vm, false));
    const Instant until = clock_.now() + Seconds(3600);
    std::vector<Console> consoles;
    measured("a one-time password for a VNC screen", [&] {
        const auto opened = hypervisor_->open_consoles(vm, "oNe2tiMe", until);
        ASSERT_TRUE(opened) << opened.error().text;
        consoles = *opened;
    });
    ASSERT_EQ(consoles.size(), 1u) << "a serial line that goes to a file leads nowhere";
    EXPECT_EQ(consoles[0].kind, "vnc");
    EXPECT_EQ(consoles[0].password, "oNe2tiMe");
    EXPECT_EQ(consoles[0].until, until);
    EXPECT_TRUE(lets_in(network, consoles[0].address, "oNe2tiMe"));
    EXPECT_FALSE(lets_in(network, consoles[0].address, "oNe2tiMx"));
    EXPECT_FALSE(lets_in(network, consoles[0].address, "owners")) << "one at a time";

    const auto next = hypervisor_->open_consoles(vm, "aNothEr1", clock_.now() + Seconds(2));
    ASSERT_TRUE(next);
    EXPECT_TRUE(lets_in(network, consoles[0].address, "aNothEr1"));
    EXPECT_FALSE(lets_in(network, consoles[0].address, "oNe2tiMe"));
    EXPECT_TRUE(eventually([&] { return !lets_in(network, consoles[0].address, "aNothEr1"); }, std::chrono::seconds{10})) << "it has an end";

    ASSERT_TRUE(hypervisor_->open_consoles(vm, "thiRd3rd", until));
    EXPECT_EQ(host_->virsh({"dumpxml", "--inactive", "--security-info", "screened"}).find("thiRd3rd"), std::string::npos);
    ASSERT_TRUE(hypervisor_->set_links(vm, true));
    EXPECT_FALSE(lets_in(network, consoles[0].address, "thiRd3rd")) << "the release ends it";
    EXPECT_TRUE(lets_in(network, consoles[0].address, "owners"));
    EXPECT_EQ(host_->virsh({"dumpxml", "--inactive", "--security-info", "screened"}), before);
    EXPECT_EQ(screen(), live);
    ASSERT_TRUE(hypervisor_->power_off(vm, false));
}

}  // namespace
}  // namespace bailiff::test
