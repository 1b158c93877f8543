import Glibc

enum HostMemory {
    static var pageBytes: UInt64 { UInt64(sysconf(Int32(_SC_PAGESIZE))) }
    static var totalBytes: UInt64 { UInt64(max(0, sysconf(Int32(_SC_PHYS_PAGES)))) * pageBytes }
}
