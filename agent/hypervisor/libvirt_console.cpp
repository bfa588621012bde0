// SPDX-License-Identifier: Apache-2.0
// One-time passwords on a running VM's screens. The owner's own is written down beside what stood on the VM's interfaces,
// and given back with them.
#include "agent/hypervisor/console_xml.hpp"
#include "agent/hypervisor/libvirt_hypervisor.hpp"
#include "agent/hypervisor/network_notes.hpp"

namespace bailiff::agent {

Result<std::vector<Console>> LibvirtHypervisor::open_consoles(const VmId& vm, const std::string& password, Instant until) {
    using Consoles = std::vector<Console>;
    return watchdog_.run<Consoles>(
        vm, core_->options.ask_timeout, Error{Errc::unknown_outcome, "libvirt did not open the VM's console in time."},
        [core = core_, vm, password, until]() -> Result<Consoles> {
            const auto connection = core->operations.open();
            if (!connection) return fail(connection.error());
            const auto domain = find_domain(*connection, vm.text());
            if (!domain) return fail(domain.error());
            if (virDomainIsActive(domain->get()) != 1) return Consoles{};
            const LibvirtText xml(virDomainGetXMLDesc(domain->get(), VIR_DOMAIN_XML_SECURE));
            if (!xml) return fail(libvirt_error("describe VM " + vm.text()));
            const auto screens = screens_of(xml.get());
            if (!screens) return fail(screens.error());
            auto note = read_note(core->options, vm);
            if (!note) return fail(note.error());
            if (*note && (*note)->graphics.empty()) {
                for (const Screen& screen : *screens)
                    if (screen.takes_password) (*note)->graphics.push_back(screen.xml);
                // BEFORE the first password is set.
                if (auto written = write_note(core->options, vm, **note); !written) return fail(written.error());
            }
            Consoles out;
            for (const Screen& screen : *screens) {
                Console console = screen.console;
                if (screen.takes_password) {
                    const std::string update = with_password(screen.xml, password, until);
                    if (virDomainUpdateDeviceFlags(domain->get(), update.c_str(), VIR_DOMAIN_AFFECT_LIVE) < 0)
                        return fail(libvirt_error("set the password of a screen of VM " + vm.text()));
                    console.password = password;
                    console.until = until;
                }
                out.push_back(std::move(console));
            }
            const auto lines = serial_lines_of(xml.get());
            if (!lines) return fail(lines.error());
            out.insert(out.end(), lines->begin(), lines->end());
            return out;
        });
}

}  // namespace bailiff::agent
