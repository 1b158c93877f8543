/// Programs that several tests play.
enum GuestPrograms {
    /// 2,000 accesses to PMU registers of both vendors; which of them raise #GP is up to the host.
    static let twoThousandAccesses = """
        repeat 80
          write 0x38f 0
          write 0x186 0x5300c0
          write 0xc1 0
          write 0x4c1 0xffff80000001
          write 0x187 0x53003c
          write 0xc2 0xfffffff0
          write 0x309 0
          write 0x38d 0xb
          write 0x390 0x10000000f
          write 0x38f 0x70000000f
          read 0x38e
          read 0xc1
          read 0xc2
          read 0x309
          write 0x38f 0
          read 0x186
          write 0xc0010000 0x530076
          read 0xc0010004
          write 0xc0010200 0x5300c0
          write 0xc0010201 0xffffff000000
          read 0xc0010201
          read 0xc0010200
          write 0xc0000301 0x3f
          read 0xc0000300
          write 0xc0000302 1
          exit
        end
        """
}
