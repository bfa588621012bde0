// SPDX-License-Identifier: Apache-2.0
// Keys are written once and never replaced here: losing a CA key means enrolling every host again, so a folder that is
// half there is an error for a person, not something to repair silently.
#include "controller/gateway/certificate_authority.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <openssl/obj_mac.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bailiff {
namespace {

std::optional<std::string> read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(in), {});
}

/// Whole or not at all, and durable: a key that was given out must survive a power cut.
Result<void> write_file(const std::string& path, const std::string& text, mode_t mode) {
    const std::string fresh = path + ".new";
    unlink(fresh.c_str());
    const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    bool done = file >= 0 && write(file, text.data(), text.size()) == ssize_t(text.size()) && fsync(file) == 0;
    if (file >= 0) done = close(file) == 0 && done;
    done = done && rename(fresh.c_str(), path.c_str()) == 0;
    if (!done) return fail(Errc::unavailable, "Cannot write " + path + " (" + std::strerror(errno) + "); check space and permissions.");
    const int folder = ::open(std::filesystem::path(path).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        fsync(folder);
        close(folder);
    }
    return {};
}

/// A secret that others can read is none.
Result<std::optional<std::string>> read_secret(const std::string& path) {
    struct stat facts{};
    if (stat(path.c_str(), &facts) != 0 && errno == ENOENT) return std::nullopt;
    if (facts.st_mode & 077) return fail(Errc::invalid, "The key " + path + " can be read by others; run `chmod 600 " + path + "` and consider it known.");
    auto text = read_file(path);
    if (!text) return fail(Errc::unavailable, "The key " + path + " cannot be read; check its owner.");
    return text;
}

bool is_address(const std::string& text) {
    unsigned char out[16];
    return inet_pton(AF_INET, text.c_str(), out) == 1 || inet_pton(AF_INET6, text.c_str(), out) == 1;
}

/// Clocks of hosts are never quite ours; a tenth of the life at most.
Instant begin_of_life(Instant now, Seconds life) { return now - std::min(Seconds(300), life / 10); }

/// Two controllers that start at once on one folder must not make two authorities.
class FolderLock {
  public:
    explicit FolderLock(const std::string& folder) : file_(::open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
        if (file_ >= 0) flock(file_, LOCK_EX);
    }
    ~FolderLock() {
        if (file_ >= 0) close(file_);
    }
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;

  private:
    int file_;
};

}  // namespace

Result<CertificateAuthority> CertificateAuthority::open(AuthorityOptions options, const Clock& wall) {
    for (const auto& name : options.server_names)
        if (name.empty() || name.find_first_of(",:; \n") != std::string::npos)
            if (!is_address(name)) return fail(Errc::invalid, "'" + name + "' is no DNS name or IP address for the gateway's certificate.");
    if (options.server_names.empty()) return fail(Errc::invalid, "The gateway's certificate needs at least one DNS name or IP address.");
    if (options.host_life < Seconds(2) || options.host_life > Seconds(7 * 24 * 3600))
        return fail(Errc::invalid, "Host certificates live from 2 seconds to 7 days; 24 hours is usual.");
    std::error_code error;
    std::filesystem::create_directories(options.folder, error);
    if (error) return fail(Errc::unavailable, "Cannot make the folder " + options.folder + " (" + error.message() + ").");
    chmod(options.folder.c_str(), 0700);
    CertificateAuthority out;
    out.options_ = std::move(options);
    out.wall_ = &wall;
    const FolderLock lock(out.options_.folder);
    if (auto loaded = out.load(); !loaded) return fail(loaded.error());
    if (auto fresh = out.refresh_server(); !fresh) return fail(fresh.error());
    return out;
}

Result<void> CertificateAuthority::load() {
    auto key = read_secret(file("ca.key"));
    if (!key) return fail(key.error());
    auto certificate = read_file(file("ca.crt"));
    if (key->has_value() != certificate.has_value())
        return fail(Errc::invalid, "Of " + file("ca.key") + " and ca.crt only one is there; restore the other, or remove both and enrol every host again.");
    if (!*key) {
        key_ = make_key();
        const Instant now = wall_->now();
        certificate_ = make_certificate({"Bailiff agents CA", begin_of_life(now, options_.authority_life), now + options_.authority_life,
                                         {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                          {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                          {NID_subject_key_identifier, "hash"}}},
                                        key_.get(), nullptr, key_.get());
        if (auto done = write_file(file("ca.key"), key_pem(key_.get()), 0600); !done) return done;
        if (auto done = write_file(file("ca.crt"), certificate_pem(certificate_.get()), 0644); !done) return done;
    } else {
        key_ = read_key(**key);
        certificate_ = read_certificate(*certificate);
        if (!key_ || !certificate_ || !belongs(certificate_.get(), key_.get()))
            return fail(Errc::invalid, "The agents' CA in " + options_.folder + " cannot be read, or key and certificate do not belong together.");
    }
    authority_pem_ = certificate_pem(certificate_.get());

    auto order = read_secret(file("order.key"));
    if (!order) return fail(order.error());
    if (*order) {
        auto read = SignatureKey::from_private_pem(**order);
        if (!read) return fail(read.error());
        order_key_ = std::move(*read);
        return {};
    }
    std::string seed(32, '\0');
    if (RAND_priv_bytes(reinterpret_cast<unsigned char*>(seed.data()), int(seed.size())) != 1)
        throw std::runtime_error("OpenSSL gives no randomness");
    order_key_ = SignatureKey::from_seed(seed);
    OPENSSL_cleanse(seed.data(), seed.size());
    if (auto done = write_file(file("order.key"), order_key_->private_pem(), 0600); !done) return done;
    return write_file(file("order.pub"), order_key_->public_pem(), 0644);
}

Result<bool> CertificateAuthority::refresh_server() const {
    std::string names;
    for (const auto& name : options_.server_names) names += (names.empty() ? "" : ",") + std::string(is_address(name) ? "IP:" : "DNS:") + name;
    const Instant now = wall_->now();
    const auto old = read_file(file("server.crt"));
    const auto known = read_file(file("server.names"));
    if (old && known == names && read_file(file("server.key"))) {
        const auto certificate = read_certificate(*old);
        if (certificate && X509_check_issued(certificate_.get(), certificate.get()) == X509_V_OK) {
            const auto [begins, ends] = certificate_life(certificate.get());
            if (begins <= now && now < begins + (ends - begins) / 2) return false;
        }
    }
    const KeyPointer key = make_key();
    const auto fresh = make_certificate({"Bailiff gateway", begin_of_life(now, options_.server_life), now + options_.server_life,
                                         {{NID_basic_constraints, "critical,CA:FALSE"},
                                          {NID_key_usage, "critical,digitalSignature"},
                                          {NID_ext_key_usage, "serverAuth"},
                                          {NID_subject_alt_name, names},
                                          {NID_subject_key_identifier, "hash"},
                                          {NID_authority_key_identifier, "keyid:always"}}},
                                        key.get(), certificate_.get(), key_.get());
    // The chain goes along: a link that enrols finds the CA in it and compares its digest.
    if (auto done = write_file(file("server.key"), key_pem(key.get()), 0600); !done) return fail(done.error());
    if (auto done = write_file(file("server.crt"), certificate_pem(fresh.get()) + authority_pem_, 0644); !done) return fail(done.error());
    if (auto done = write_file(file("server.names"), names, 0644); !done) return fail(done.error());
    return true;
}

Result<IssuedCertificate> CertificateAuthority::issue_host(const HostId& host, const std::string& request_pem) const {
    if (!is_name(host.text())) return fail(Errc::invalid, "'" + host.text().substr(0, 64) + "' is no host name of ours: 1 to 64 of A-Z a-z 0-9 . _ -");
    auto request = read_request(request_pem);
    if (!request) return fail(request.error());
    const Instant now = wall_->now();
    const auto certificate = make_certificate({host.text(), begin_of_life(now, options_.host_life), now + options_.host_life,
                                               {{NID_basic_constraints, "critical,CA:FALSE"},
                                                {NID_key_usage, "critical,digitalSignature"},
                                                {NID_ext_key_usage, "clientAuth"},
                                                {NID_subject_alt_name, "URI:bailiff://host/" + host.text()},
                                                {NID_subject_key_identifier, "hash"},
                                                {NID_authority_key_identifier, "keyid:always"}}},
                                              X509_REQ_get0_pubkey(request->get()), certificate_.get(), key_.get());
    return IssuedCertificate{certificate_pem(certificate.get()), certificate_serial(certificate.get()), now + options_.host_life};
}

}  // namespace bailiff
