// SPDX-License-Identifier: Apache-2.0
// Five layers, each of which would hold alone: user, namespaces, Landlock, limits, seccomp.
#include "agent/scan/box/sandbox.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BAILIFF_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BAILIFF_SANITIZED 1
#endif
#endif

namespace bailiff::agent {
namespace {

constexpr unsigned nobody = 65534;
#ifdef BAILIFF_SANITIZED
constexpr bool sanitized = true;  // sanitizers reserve terabytes of address space and need a few calls more
#else
constexpr bool sanitized = false;
#endif

Result<void> errno_failure(const char* what) {
    return fail(Errc::unavailable, std::string("the sandbox cannot be built: ") + what + ": " + std::strerror(errno));
}

Result<void> set_limits(const SandboxProfile& profile) {
    struct Limit {
        __rlimit_resource resource;
        rlim_t value;
    };
    const Limit limits[] = {{RLIMIT_CORE, 0},
                            {RLIMIT_CPU, profile.cpu_seconds},
                            {RLIMIT_FSIZE, profile.largest_file},
                            {RLIMIT_NOFILE, profile.descriptors},
                            {RLIMIT_AS, sanitized ? RLIM_INFINITY : profile.address_space}};
    for (const Limit& limit : limits) {
        rlimit old{};
        getrlimit(limit.resource, &old);
        const rlim_t value = old.rlim_max == RLIM_INFINITY ? limit.value : std::min(limit.value, old.rlim_max);
        const rlimit wanted{value, value};
        if (setrlimit(limit.resource, &wanted) != 0) return errno_failure("setrlimit");
    }
    return {};
}

/// Root becomes nobody first: inside a user namespace it would still own root's files.
Result<void> drop_user() {
    if (geteuid() != 0) return {};
    if (setgroups(0, nullptr) != 0 || setresgid(nobody, nobody, nobody) != 0 || setresuid(nobody, nobody, nobody) != 0)
        return errno_failure("becoming an unprivileged user");
    return {};
}

/// An empty root, no network, no other process's memory. Fails where the host forbids user namespaces.
Result<void> own_namespaces() {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS) != 0) return errno_failure("unshare");
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return errno_failure("private mounts");
    if (mount("none", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, "size=4k") != 0) return errno_failure("an empty root");
    if (chdir("/tmp") != 0 || syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
        return errno_failure("pivot_root");
    return {};
}

Result<void> drop_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2]{};
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &header, none) != 0) return errno_failure("dropping capabilities");
    return {};
}

/// A ruleset that handles every right its kernel knows, and grants none.
Result<void> landlock_everything() {
    const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) return errno_failure("Landlock");
    // Written out here since the headers of the build machine may be older than the kernel that runs it.
    struct {
        uint64_t files, network, scopes;
    } ruleset{(uint64_t{1} << 13) - 1, 0, 0};
    if (abi >= 2) ruleset.files |= 1U << 13;
    if (abi >= 3) ruleset.files |= 1U << 14;
    if (abi >= 4) ruleset.network = 3;
    if (abi >= 5) ruleset.files |= 1U << 15;
    if (abi >= 6) ruleset.scopes = 3;
    const size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
    const long fd = syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
    if (fd < 0) return errno_failure("Landlock ruleset");
    const long done = syscall(SYS_landlock_restrict_self, fd, 0);
    close(static_cast<int>(fd));
    if (done != 0) return errno_failure("Landlock restriction");
    return {};
}

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

/// Harmless strays answer EPERM, so that a library's idle question does not end a scan; whatever an exploit would reach for kills.
Result<void> filter_calls(const SandboxProfile& profile) {
    const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)), seccomp_release);
    if (!filter) return errno_failure("seccomp");
    static constexpr int allowed[] = {
        SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(readv), SCMP_SYS(preadv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pwrite64),
        SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(lseek), SCMP_SYS(fcntl), SCMP_SYS(ftruncate),
        SCMP_SYS(memfd_create), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk),
        SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(sendmsg), SCMP_SYS(recvmsg), SCMP_SYS(sendto),
        SCMP_SYS(recvfrom), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(shutdown),
        SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getrandom),
        SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep),
        SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(alarm),
        SCMP_SYS(setitimer), SCMP_SYS(restart_syscall), SCMP_SYS(rseq), SCMP_SYS(set_robust_list), SCMP_SYS(exit), SCMP_SYS(exit_group),
        SCMP_SYS(getrusage), SCMP_SYS(prlimit64), SCMP_SYS(sysinfo)};
    static constexpr int fatal[] = {
        SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(execve),
        SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(bpf),
        SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(userfaultfd), SCMP_SYS(keyctl),
        SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot),
        SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(perf_event_open), SCMP_SYS(kexec_load), SCMP_SYS(init_module),
        SCMP_SYS(finit_module), SCMP_SYS(open_by_handle_at), SCMP_SYS(pidfd_getfd), SCMP_SYS(ioperm), SCMP_SYS(iopl)};
    int status = 0;
    for (const int call : allowed) status |= seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0);
    for (const int call : fatal) status |= seccomp_rule_add(filter.get(), SCMP_ACT_KILL_PROCESS, call, 0);
    // Memory that is both written and run is what an exploit needs next.
    const scmp_arg_cmp not_executable{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0};
    for (const int call : {SCMP_SYS(mprotect), SCMP_SYS(mmap)}) status |= seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 1, not_executable);
    if (profile.may_fork) {
        for (const int call : {SCMP_SYS(wait4), SCMP_SYS(prctl), SCMP_SYS(seccomp), SCMP_SYS(getppid)})
            status |= seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0);
        constexpr scmp_datum_t new_namespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC |
                                                CLONE_NEWUTS | CLONE_NEWCGROUP;
        const scmp_arg_cmp no_namespaces{0, SCMP_CMP_MASKED_EQ, new_namespaces, 0};
        status |= seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, no_namespaces);
        // glibc falls back to clone, whose flags a filter could read; clone3 hides them.
        status |= seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    }
    if (sanitized)
        for (const int call : {SCMP_SYS(getppid), SCMP_SYS(tgkill), SCMP_SYS(clone), SCMP_SYS(wait4), SCMP_SYS(openat), SCMP_SYS(readlink)})
            seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0);
    if (status != 0 || seccomp_load(filter.get()) != 0) return errno_failure("seccomp");
    return {};
}

}  // namespace

Result<std::vector<std::string>> enter_sandbox(const SandboxProfile& profile) {
    std::vector<std::string> missing;
    if (const auto limits = set_limits(profile); !limits) return fail(limits.error());
    if (const auto user = drop_user(); !user) return fail(user.error());
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail(errno_failure("no_new_privs").error());
    if (const auto namespaces = own_namespaces(); !namespaces) missing.push_back(namespaces.error().text);
    if (const auto landlock = landlock_everything(); !landlock) missing.push_back(landlock.error().text);
    if (const auto capabilities = drop_capabilities(); !capabilities) return fail(capabilities.error());
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    // Every change of credentials above has cleared it.
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (const auto filter = filter_calls(profile); !filter) return fail(filter.error());
    return missing;
}

Result<void> forbid_fork() {
    const Filter filter(seccomp_init(SCMP_ACT_ALLOW), seccomp_release);
    int status = filter ? 0 : -1;
    for (const int call : {SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(seccomp)})
        if (status == 0) status = seccomp_rule_add(filter.get(), SCMP_ACT_KILL_PROCESS, call, 0);
    if (status != 0 || seccomp_load(filter.get()) != 0) return errno_failure("seccomp for a worker");
    return {};
}

}  // namespace bailiff::agent
