#include "textflag.h"

// func split(args, size, stack uintptr, c *child) (pid, errno uintptr)
TEXT ·split(SB), NOSPLIT, $0-48
	MOVQ args+0(FP), DI
	MOVQ size+8(FP), SI
	MOVQ stack+16(FP), R12
	MOVQ c+24(FP), R13
	MOVQ (TLS), AX
	MOVQ AX, (R12) // the goroutine, for who looks for it there
	MOVL $435, AX // clone3
	SYSCALL
	CMPQ AX, $0xfffffffffffff001
	JCC  refused
	TESTQ AX, AX
	JEQ  child
	MOVQ AX, pid+32(FP)
	MOVQ $0, errno+40(FP)
	RET
refused:
	NEGQ AX
	MOVQ $0, pid+32(FP)
	MOVQ AX, errno+40(FP)
	RET
child:
	LEAQ 8(R12), SI // the goroutine is 8 bytes below where FS points
	MOVL $0x1002, DI // ARCH_SET_FS
	MOVL $158, AX // arch_prctl
	SYSCALL
	LEAQ -16(R12), SP
	MOVQ R13, (SP)
	CALL ·begin(SB)
	INT  $3

// func succeed(flags uintptr) (errno uintptr)
TEXT ·succeed(SB), NOSPLIT|NOFRAME, $0-16
	MOVQ flags+0(FP), DI
	XORL SI, SI // the same stack
	XORL DX, DX
	XORL R10, R10
	XORL R8, R8
	MOVL $56, AX // clone
	SYSCALL
	CMPQ AX, $0xfffffffffffff001
	JCC  failed
	TESTQ AX, AX
	JNE  end
	MOVQ $0, errno+8(FP)
	RET
failed:
	NEGQ AX
	MOVQ AX, errno+8(FP)
	RET
end:
	XORL DI, DI
	MOVL $231, AX // exit_group
	SYSCALL
	JMP  end
