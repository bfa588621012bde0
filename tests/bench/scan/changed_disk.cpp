// SPDX-License-Identifier: Apache-2.0
// debugfs changes a raw copy; the blocks that differ then go into the qcow2 image through qemu-io.
#include "tests/bench/scan/changed_disk.hpp"

#include "tests/fixtures/clamd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <stdexcept>
#include <vector>

namespace bailiff::test {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t block_size = 4096;

class File {
  public:
    File(const fs::path& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC)) {
        if (fd_ < 0) throw std::runtime_error("cannot open " + path.string());
    }
    ~File() { ::close(fd_); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    std::string read(uint64_t at, size_t size) const {
        std::string out(size, '\0');
        const ssize_t n = ::pread(fd_, out.data(), size, static_cast<off_t>(at));
        out.resize(n > 0 ? static_cast<size_t>(n) : 0);
        return out;
    }
    void write(uint64_t at, const std::string& bytes) const {
        if (::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(at)) != static_cast<ssize_t>(bytes.size())) throw std::runtime_error("cannot write a copy of the disk");
    }
    /// Where data begins at or behind `at`; past the end when there is none.
    uint64_t data_from(uint64_t at) const {
        const off_t out = ::lseek(fd_, static_cast<off_t>(at), SEEK_DATA);
        return out < 0 ? ~uint64_t{0} : static_cast<uint64_t>(out);
    }

  private:
    int fd_;
};

}  // namespace

ChangedDisk::ChangedDisk(const Workload& workload, fs::path folder) : work_(workload), folder_(std::move(folder)) {}

void ChangedDisk::begin() {
    must_run({"cp", "--sparse=always", work_.raw().string(), (folder_ / "now.raw").string()});
    must_run({"cp", "--sparse=always", work_.raw().string(), (folder_ / "before.raw").string()});
    must_run({"cp", work_.qcow2().string(), image().string()});
    std::ofstream(folder_ / "eicar") << eicar();
    debugfs("write " + (folder_ / "eicar").string() + " " + old_plant + "\n");
    write_through();
    must_run({"qemu-img", "bitmap", "--add", "--enable", image().string(), bitmap});
}

void ChangedDisk::work() {
    std::string commands = "rm " + std::string(old_plant) + "\nwrite " + (folder_ / "eicar").string() + " " + new_plant + "\n";
    for (int i = 0; i < 40; ++i) {
        const fs::path mail = folder_ / ("mail" + std::to_string(i));
        std::ofstream(mail) << "Subject: news " << i << "\n\n" << std::string(2000, 'n') << i;
        commands += "write " + mail.string() + " /srv/news" + std::to_string(i) + "\n";
    }
    // A file that is its system's own, and longer than the test string.
    for (const auto& entry : fs::recursive_directory_iterator(work_.plain() / "gpt2" / "var/www"))
        if (entry.is_regular_file() && entry.file_size() > 400 && entry.path().filename().string().find_first_of("\n\x1b\xff") == std::string::npos &&
            entry.path().extension() == ".php" && entry.path().filename() != "late.php" && entry.path().filename() != "shell.php") {
            std::ifstream in(entry.path(), std::ios::binary);
            const std::string content((std::istreambuf_iterator<char>(in)), {});
            // Its place on the disk, by its content: debugfs's own words about blocks are made for people.
            const File now(folder_ / "now.raw", O_RDWR);
            const std::string head = content.substr(0, std::min<size_t>(content.size(), block_size));
            const uint64_t size = fs::file_size(folder_ / "now.raw");
            for (uint64_t at = Workload::system_start; at < size; at += block_size) {
                if (at = now.data_from(at) / block_size * block_size; at >= size) break;
                if (now.read(at, head.size()) != head) continue;
                now.write(at, eicar() + std::string(head.size() - eicar().size(), ' '));
                overwritten_ = "/" + fs::relative(entry.path(), work_.plain() / "gpt2").string();
                break;
            }
            if (!overwritten_.empty()) break;
        }
    if (overwritten_.empty()) throw std::runtime_error("the workload has no file that could be overwritten in place");
    debugfs(commands);
    write_through();
}

void ChangedDisk::debugfs(const std::string& commands) {
    const fs::path script = folder_ / "commands";
    std::ofstream(script) << commands;
    must_run({"debugfs", "-w", "-f", script.string(), (folder_ / "now.raw").string() + "?offset=" + std::to_string(Workload::system_start)});
}

void ChangedDisk::write_through() {
    const fs::path pieces = folder_ / "pieces";
    fs::create_directories(pieces);
    std::vector<std::string> argv{"qemu-io", "-f", "qcow2"};
    {
        const File now(folder_ / "now.raw", O_RDONLY), before(folder_ / "before.raw", O_RDWR);
        constexpr size_t much = 256 * block_size;
        const uint64_t size = fs::file_size(folder_ / "now.raw");
        for (uint64_t begin = 0; begin < size; begin += much) {
            if (begin = now.data_from(begin) / much * much; begin >= size) break;
            const std::string a = now.read(begin, much), b = before.read(begin, much);
            if (a == b) continue;
            for (size_t at = 0; at < a.size(); at += block_size) {
                const std::string piece = a.substr(at, block_size);
                if (b.compare(at, block_size, piece) == 0) continue;
                const fs::path file = pieces / std::to_string(begin + at);
                std::ofstream(file, std::ios::binary) << piece;
                argv.insert(argv.end(), {"-c", "write -s " + file.string() + " " + std::to_string(begin + at) + " " + std::to_string(piece.size())});
                before.write(begin + at, piece);
            }
        }
    }
    argv.push_back(image().string());
    must_run(argv);
    fs::remove_all(pieces);
}

}  // namespace bailiff::test
